-- Messages with legal effect: how far they have come, and what proves it.
CREATE TABLE agency.delivery (
    delivery_id text PRIMARY KEY,
    case_id text NOT NULL REFERENCES agency.case_file,
    bot text NOT NULL,
    person text NOT NULL,
    room_id text NOT NULL,
    effect_id text NOT NULL UNIQUE,     -- of the message, in runtime.outbox
    event_id text,                      -- once the homeserver has it
    sha256 text NOT NULL,               -- of its text or file, hexadecimal
    of_what text NOT NULL,              -- text, file
    facts json NOT NULL,                -- appservices.agency.core.delivery.Record
    has_evidence boolean,               -- whether the homeserver has our module; NULL: not asked yet
    made_at_ms bigint NOT NULL,
    is_over boolean NOT NULL DEFAULT FALSE
);
CREATE INDEX delivery_of_case ON agency.delivery (case_id, made_at_ms);
CREATE INDEX delivery_of_event ON agency.delivery (room_id, event_id);

-- Persons whose read receipts may count as that they saw a message.
CREATE TABLE agency.receipts_count (
    bot text NOT NULL,
    person text NOT NULL,
    since_ms bigint NOT NULL,
    PRIMARY KEY (bot, person)
);
