-- Rooms in which those talk who take part in a dispute or an escrow.

-- What is said there is kept nowhere here; card: the message that shows how it stands.
CREATE TABLE payments.case_room (
    matter_id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('dispute', 'escrow')),
    room_id text NOT NULL UNIQUE,
    card text,
    is_left boolean NOT NULL DEFAULT false,
    made_at_ms bigint NOT NULL
);
