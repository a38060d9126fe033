-- What came from the homeserver, what goes to it, and what is to be done later.
--
-- Events and contents are `json`, not `jsonb`: jsonb refuses \u0000 and lone surrogates, which a
-- person may send, and one refused row would keep the whole transaction of the homeserver from
-- being acknowledged. `json` also keeps the bytes, so that every attempt sends the same.

-- Our bots, of all services that share this database.
CREATE TABLE runtime.bot (
    user_id text PRIMARY KEY,
    healed_since text,                      -- /sync token up to which nothing is missing
    healed_at_ms bigint NOT NULL DEFAULT 0,
    heal_leased_until_ms bigint NOT NULL DEFAULT 0
);

-- A room that a bot of ours knows, and when its state was last read from the homeserver.
CREATE TABLE runtime.room (
    room_id text PRIMARY KEY,
    looked_at_ms bigint,                    -- NULL: to be read before anything is said in it
    changes bigint NOT NULL DEFAULT 0       -- events applied: a look that they overtook is made again
);

-- Who is in a room; kept by the events, corrected by looks. Rows of our own bots are written by
-- the intake alone, so that it never waits for a worker.
CREATE TABLE runtime.room_member (
    room_id text NOT NULL,
    user_id text NOT NULL,
    membership text NOT NULL,
    event_id text,                          -- of the state event that says so
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX room_member_of_user ON runtime.room_member (user_id);

-- A bot in a room: the row that a worker locks. Nothing else ever updates it.
CREATE TABLE runtime.room_bot (
    room_id text NOT NULL,
    bot text NOT NULL,
    PRIMARY KEY (room_id, bot)
);

-- Rooms where more was missed than healing reads.
CREATE TABLE runtime.room_gap (
    room_id text NOT NULL,
    bot text NOT NULL,
    found_at_ms bigint NOT NULL,
    PRIMARY KEY (room_id, bot)
);

CREATE TABLE runtime.inbox (
    room_id text NOT NULL,
    event_id text NOT NULL,
    bot text NOT NULL,                      -- a row for each of our bots in the room
    seq bigint GENERATED ALWAYS AS IDENTITY,
    sender text NOT NULL,
    event_type text NOT NULL,
    event json,                             -- NULL a day after it was done
    source smallint NOT NULL,               -- veche.runtime.inbox.store.Source
    state smallint NOT NULL DEFAULT 0,      -- veche.runtime.inbox.store.State
    failures smallint NOT NULL DEFAULT 0,
    wanted_session text,                    -- of the room key that is missing
    waits_until_ms bigint,
    received_at_ms bigint NOT NULL,
    PRIMARY KEY (room_id, event_id, bot)
) PARTITION BY HASH (room_id);

CREATE TABLE runtime.outbox (
    room_id text NOT NULL,
    effect_id text NOT NULL,
    bot text NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    event_type text NOT NULL,
    state_key text,                         -- of a state event
    redacts text,                           -- of a redaction: effect or event id
    relation json,                          -- {"kind", "target", "key"}
    content json,                           -- plain; NULL once sealed
    beside json,                            -- org.veche.act, in clear
    sealed text,                            -- body of the request, as it is sent on every attempt
    sealed_type text,                       -- event_type, or m.room.encrypted
    sealed_device text,
    attempts int NOT NULL DEFAULT 0,
    first_sent_at_ms bigint,
    event_id text,
    state smallint NOT NULL DEFAULT 0,      -- veche.runtime.outbox.store.State
    failure text,                           -- why it was given up
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (room_id, effect_id)
) PARTITION BY HASH (room_id);

DO $$
BEGIN
    FOR part IN 0..7 LOOP
        EXECUTE format('CREATE TABLE runtime.inbox_%s PARTITION OF runtime.inbox'
            ' FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
        EXECUTE format('CREATE TABLE runtime.outbox_%s PARTITION OF runtime.outbox'
            ' FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, part);
    END LOOP;
END $$;

CREATE INDEX inbox_todo ON runtime.inbox (room_id, bot, seq) WHERE state < 2;
CREATE INDEX inbox_wanted ON runtime.inbox (room_id, wanted_session)
    WHERE wanted_session IS NOT NULL;
CREATE INDEX inbox_age ON runtime.inbox USING brin (received_at_ms);
CREATE INDEX outbox_todo ON runtime.outbox (room_id, bot, seq) WHERE state < 2;
CREATE INDEX outbox_event ON runtime.outbox (room_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX outbox_age ON runtime.outbox USING brin (created_at_ms);

-- Rooms with something to do. Whoever adds rows makes the room due and raises `mark`; whoever is
-- done removes the row if `mark` is still what it was, so that nothing that came meanwhile is
-- forgotten, and nobody waits for a transaction at work.
CREATE TABLE runtime.room_work (
    room_id text NOT NULL,
    bot text NOT NULL,
    next_at_ms bigint NOT NULL,
    not_before_ms bigint NOT NULL DEFAULT 0, -- after a failure
    mark bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (room_id, bot)
);
CREATE INDEX room_work_due ON runtime.room_work (next_at_ms);

CREATE TABLE runtime.outbox_work (
    room_id text NOT NULL,
    bot text NOT NULL,
    next_at_ms bigint NOT NULL,
    mark bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (room_id, bot)
);
CREATE INDEX outbox_work_due ON runtime.outbox_work (next_at_ms);

-- Work outside transactions, and timers.
CREATE TABLE runtime.errand (
    errand_id text PRIMARY KEY,
    kind text NOT NULL,
    payload json NOT NULL,
    due_at_ms bigint NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    lease bigint NOT NULL DEFAULT 0         -- raised at each start: an older attempt finishes nothing
);
CREATE INDEX errand_due ON runtime.errand (kind, due_at_ms);
