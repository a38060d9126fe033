-- Networks that know no ids of what they bring, and that cut long messages into parts (SMS).

-- What the network may bring again, by a digest of all of it, until it knows that we have it.
ALTER TABLE bridges.remote_inbox
    ADD COLUMN content_mark text,
    ADD COLUMN connection text,
    ADD COLUMN remote_id text;
CREATE INDEX remote_inbox_repeatable ON bridges.remote_inbox (bridge_id, remote_id)
    WHERE content_mark IS NOT NULL;

-- Parts of a message that wait for the others.
CREATE TABLE bridges.received_part (
    bridge_id text NOT NULL,
    portal_id text NOT NULL,
    receiver text NOT NULL,
    message_key text NOT NULL,
    number int NOT NULL,
    total int NOT NULL,
    effect_id text NOT NULL,
    sealed text NOT NULL,
    PRIMARY KEY (bridge_id, portal_id, receiver, message_key, number)
);

-- Parts of a message that the network took, and what it said of each. It may give an id again: then
-- the older part has none.
CREATE TABLE bridges.sent_part (
    bridge_id text NOT NULL,
    effect_id text NOT NULL,
    number int NOT NULL,
    total int NOT NULL,
    part_id text,
    grade text,
    PRIMARY KEY (bridge_id, effect_id, number)
);
CREATE UNIQUE INDEX sent_part_id ON bridges.sent_part (bridge_id, part_id);

-- Receipts that came before the answer that tells the id; kept for a day.
CREATE TABLE bridges.early_receipt (
    bridge_id text NOT NULL,
    part_id text NOT NULL,
    grade text NOT NULL,
    reason text NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (bridge_id, part_id)
);
