-- Chats with people of other networks. Addresses and words are sealed; chats and messages are found
-- by keyed digests. Every key begins with the network.

-- A chat of the network and its room; NULL until the room is made.
CREATE TABLE bridges.portal (
    bridge_id text NOT NULL,
    portal_id text NOT NULL,
    receiver text NOT NULL,
    ghost text NOT NULL,
    office_bot text NOT NULL,
    room_id text,
    sealed text NOT NULL,
    is_told boolean NOT NULL DEFAULT FALSE,
    since_ms bigint NOT NULL,
    PRIMARY KEY (bridge_id, portal_id, receiver)
);
CREATE UNIQUE INDEX portal_room ON bridges.portal (room_id) WHERE room_id IS NOT NULL;
CREATE INDEX portal_since ON bridges.portal (bridge_id, since_ms);

-- What came from the network, once; `sealed` waits for the room of its chat.
CREATE TABLE bridges.remote_inbox (
    bridge_id text NOT NULL,
    effect_id text NOT NULL,
    portal_id text NOT NULL,
    receiver text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    received_at_ms bigint NOT NULL,
    sealed text,
    PRIMARY KEY (bridge_id, effect_id)
);
CREATE INDEX remote_inbox_portal ON bridges.remote_inbox
    (bridge_id, portal_id, receiver, received_at_ms);

-- What goes to the network; one row of a chat at a time, the oldest first. The words go once the
-- network has them.
CREATE TABLE bridges.remote_outbox (
    bridge_id text NOT NULL,
    effect_id text NOT NULL,
    portal_id text NOT NULL,
    receiver text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    event_id text NOT NULL,
    sealed text,
    state text NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    next_at_ms bigint NOT NULL,
    remote_id text,
    reason text,
    PRIMARY KEY (bridge_id, effect_id)
);
CREATE INDEX remote_outbox_open ON bridges.remote_outbox (bridge_id, portal_id, receiver, seq)
    WHERE state IN ('queued', 'sending', 'uncertain');

-- Messages of a chat by the network's ids, for threads; no content.
CREATE TABLE bridges.message (
    bridge_id text NOT NULL,
    portal_id text NOT NULL,
    receiver text NOT NULL,
    remote_id text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    at_ms bigint NOT NULL,
    PRIMARY KEY (bridge_id, portal_id, receiver, remote_id)
);

-- Questions that the network has and that take answers.
CREATE TABLE bridges.prompt_open (
    bridge_id text NOT NULL,
    portal_id text NOT NULL,
    receiver text NOT NULL,
    prompt_id text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    event_id text NOT NULL,
    remote_id text NOT NULL,
    choices jsonb NOT NULL,
    PRIMARY KEY (bridge_id, portal_id, receiver, prompt_id)
);
