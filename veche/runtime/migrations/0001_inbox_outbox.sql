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

-- The steps that each message takes are functions: one trip each, and their plans are kept.

-- Stores pushed events for each of our bots that is in the room, or that they are about, and makes
-- the rooms due. Says how many rows are new, in how many rooms.
CREATE FUNCTION runtime.inbox_add(
    rooms text[], event_ids text[], senders text[], types text[], abouts text[], events text[],
    source_is smallint, now_ms bigint, only_bot text, local_bots text[], is_busy boolean,
    OUT row_count bigint, OUT room_count bigint
) LANGUAGE plpgsql AS $$
BEGIN
    WITH given AS (
        SELECT * FROM unnest(rooms, event_ids, senders, types, abouts, events) WITH ORDINALITY
            AS g (room_id, event_id, sender, event_type, about, event, place)
    ), added AS (
        INSERT INTO runtime.inbox
            (room_id, event_id, bot, sender, event_type, event, source, received_at_ms)
        SELECT g.room_id, g.event_id, b.bot, g.sender, g.event_type, g.event::json, source_is,
            now_ms
        FROM given AS g
            JOIN runtime.room_bot AS b ON b.room_id = g.room_id
            JOIN runtime.room_member AS m ON m.room_id = b.room_id AND m.user_id = b.bot
        WHERE (only_bot IS NULL OR b.bot = only_bot)
            AND (b.bot = g.about OR m.membership = 'join')
        ORDER BY g.place
        ON CONFLICT (room_id, event_id, bot) DO NOTHING
        RETURNING room_id, bot
    ), due AS (
        SELECT a.room_id, a.bot, count(*) AS number FROM added AS a GROUP BY a.room_id, a.bot
    ), work AS (
        INSERT INTO runtime.room_work AS w (room_id, bot, next_at_ms)
        SELECT d.room_id, d.bot, now_ms FROM due AS d ORDER BY d.room_id, d.bot
        ON CONFLICT (room_id, bot) DO UPDATE SET mark = w.mark + 1,
            next_at_ms = GREATEST(w.not_before_ms, LEAST(w.next_at_ms, EXCLUDED.next_at_ms))
    ), told AS (
        SELECT count(pg_notify('veche_inbox', '')) FROM (
            SELECT 1 FROM due AS d WHERE is_busy OR d.bot <> ALL (local_bots) LIMIT 1) AS one
    )
    SELECT COALESCE(sum(d.number), 0)::bigint, count(d.number) INTO row_count, room_count
        FROM told LEFT JOIN due AS d ON TRUE;
END $$;

-- Takes a due room that nobody else has, for the length of the transaction, and reads its first
-- rows. The lock is on a row that nobody updates, so that the intake, which makes rooms due, never
-- waits for a worker. The rows are read by a statement of their own, which sees what was committed
-- while the lock was waited for.
CREATE FUNCTION runtime.inbox_take(
    of_bots text[], now_ms bigint, only_room text, before_seq bigint, rows_max int
) RETURNS TABLE (
    room_id text, bot text, mark bigint, is_joined boolean, looked_at_ms bigint,
    seq bigint, event_id text, sender text, event_type text, event json, state smallint,
    waits_until_ms bigint, received_at_ms bigint, failures smallint
) LANGUAGE plpgsql AS $$
DECLARE
    taken record;
BEGIN
    SELECT w.room_id, w.bot, w.mark, COALESCE(m.membership = 'join', FALSE) AS is_joined,
            r.looked_at_ms
        INTO taken
        FROM runtime.room_work AS w
            JOIN runtime.room_bot AS b ON b.room_id = w.room_id AND b.bot = w.bot
            LEFT JOIN runtime.room_member AS m ON m.room_id = w.room_id AND m.user_id = w.bot
            LEFT JOIN runtime.room AS r ON r.room_id = w.room_id
        WHERE w.next_at_ms <= now_ms AND w.bot = ANY (of_bots)
            AND (only_room IS NULL OR w.room_id = only_room)
        ORDER BY w.next_at_ms LIMIT 1
        FOR UPDATE OF b SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT taken.room_id, taken.bot, taken.mark, taken.is_joined, taken.looked_at_ms,
            i.seq, i.event_id, i.sender, i.event_type, i.event, i.state, i.waits_until_ms,
            i.received_at_ms, i.failures
        FROM runtime.inbox AS i
        WHERE i.room_id = taken.room_id AND i.bot = taken.bot AND i.state < 2
            AND i.seq < before_seq
        ORDER BY i.seq LIMIT rows_max;
    IF NOT FOUND THEN
        RETURN QUERY
            SELECT taken.room_id, taken.bot, taken.mark, taken.is_joined, taken.looked_at_ms,
                NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::json, NULL::smallint,
                NULL::bigint, NULL::bigint, NULL::smallint;
    END IF;
END $$;

-- Ends the work on a taken room: its rows are done or refused, it is due again at next_ms or not at
-- all, unless something came meanwhile. Says when the next room of the bots is due, apart from those
-- that others of the same process have taken.
CREATE FUNCTION runtime.inbox_settle(
    of_room text, of_bot text, of_mark bigint, done bigint[], refused bigint[], next_ms bigint,
    of_bots text[], taken_rooms text[]
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    UPDATE runtime.inbox AS i SET state = 2, wanted_session = NULL, waits_until_ms = NULL
        WHERE i.room_id = of_room AND i.bot = of_bot AND i.state < 2 AND i.seq = ANY (done);
    IF cardinality(refused) > 0 THEN
        UPDATE runtime.inbox AS i SET state = 3, wanted_session = NULL, waits_until_ms = NULL
            WHERE i.room_id = of_room AND i.bot = of_bot AND i.state < 2
                AND i.seq = ANY (refused);
    END IF;
    IF next_ms IS NULL THEN
        DELETE FROM runtime.room_work AS w
            WHERE w.room_id = of_room AND w.bot = of_bot AND w.mark = of_mark;
    ELSE
        UPDATE runtime.room_work AS w SET next_at_ms = next_ms, not_before_ms = 0
            WHERE w.room_id = of_room AND w.bot = of_bot AND w.mark = of_mark;
    END IF;
    RETURN (SELECT min(w.next_at_ms) FROM runtime.room_work AS w
        WHERE w.bot = ANY (of_bots) AND w.room_id <> ALL (taken_rooms));
END $$;

-- Writes down what was acknowledged; where done_marks has a number, it was the last of its room.
CREATE FUNCTION runtime.outbox_mark(
    of_rooms text[], of_bots text[], effects text[], events text[], done_marks bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1 .. COALESCE(cardinality(effects), 0) LOOP
        UPDATE runtime.outbox AS o SET state = 2, event_id = events[n]
            WHERE o.room_id = of_rooms[n] AND o.effect_id = effects[n] AND o.state < 2;
        IF done_marks[n] IS NOT NULL THEN
            DELETE FROM runtime.outbox_work AS w
                WHERE w.room_id = of_rooms[n] AND w.bot = of_bots[n] AND w.mark = done_marks[n];
        END IF;
    END LOOP;
END $$;

-- The next rows of a room, after writing down what was acknowledged.
CREATE FUNCTION runtime.outbox_take(
    of_room text, of_bot text, rows_max int,
    mark_rooms text[], mark_bots text[], effects text[], events text[], done_marks bigint[]
) RETURNS TABLE (
    mark bigint, is_looked_at boolean, effect_id text, event_type text, state_key text,
    redacts text, relation json, content json, beside json, sealed text, sealed_type text,
    sealed_device text, attempts int, first_sent_at_ms bigint, created_at_ms bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM runtime.outbox_mark(mark_rooms, mark_bots, effects, events, done_marks);
    RETURN QUERY
        SELECT w.mark, r.looked_at_ms IS NOT NULL, o.effect_id, o.event_type, o.state_key,
            o.redacts, o.relation, o.content, o.beside, o.sealed, o.sealed_type, o.sealed_device,
            o.attempts, o.first_sent_at_ms, o.created_at_ms
        FROM runtime.outbox_work AS w
            LEFT JOIN runtime.room AS r ON r.room_id = w.room_id
            LEFT JOIN runtime.outbox AS o
                ON o.room_id = of_room AND o.bot = of_bot AND o.state < 2
        WHERE w.room_id = of_room AND w.bot = of_bot
        ORDER BY o.seq LIMIT rows_max;
END $$;

-- Fixes the bytes of rows; their plain content is gone with it.
CREATE FUNCTION runtime.outbox_seal(
    of_room text, effects text[], bodies text[], types text[], redacted text[], device text,
    now_ms bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1 .. COALESCE(cardinality(effects), 0) LOOP
        UPDATE runtime.outbox AS o SET state = 1, content = NULL, beside = NULL,
                sealed = bodies[n], sealed_type = types[n], redacts = redacted[n],
                sealed_device = device, first_sent_at_ms = now_ms, attempts = 1
            WHERE o.room_id = of_room AND o.effect_id = effects[n] AND o.state = 0;
    END LOOP;
END $$;
