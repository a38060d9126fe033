-- Heads of the ledger in a public room, that anybody keeps a copy of.

-- The room; size: of the head that was posted last, 0 before the first.
CREATE TABLE payments.heads_room (
    is_it boolean PRIMARY KEY DEFAULT true CHECK (is_it),
    room_id text NOT NULL,
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    at_ms bigint NOT NULL DEFAULT 0
);

-- Our own heads as peers have signed them too: the last one of each.
CREATE TABLE payments.peer_seen (
    peer bigint PRIMARY KEY REFERENCES payments.holder,
    size bigint NOT NULL CHECK (size > 0),
    note text NOT NULL,
    posted_size bigint NOT NULL DEFAULT 0
);

-- Up to which size a witnessed head of a peer was posted in our room.
ALTER TABLE payments.peer_head ADD COLUMN posted_size bigint NOT NULL DEFAULT 0;
