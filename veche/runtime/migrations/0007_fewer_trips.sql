-- Fewer trips a message: what a worker's transaction says in its own room is sealed in it, and goes
-- to the homeserver as soon as it is committed, without being looked for.

-- Has a transaction run again, where what it went by is not so any more. For statements whose result
-- nobody waits for.
CREATE FUNCTION runtime.demand(is_so boolean, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF is_so IS NOT TRUE THEN
        RAISE EXCEPTION '%', what USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

-- Has something said, once; announces it unless the one who says it hands it on.
CREATE FUNCTION runtime.outbox_append(
    of_room text, of_effect text, of_bot text, of_type text, of_state_key text, of_redacts text,
    of_relation json, of_content json, of_beside json, now_ms bigint, is_announced boolean
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO runtime.outbox (room_id, effect_id, bot, event_type, state_key, redacts, relation,
            content, beside, created_at_ms)
        VALUES (of_room, of_effect, of_bot, of_type, of_state_key, of_redacts, of_relation,
            of_content, of_beside, now_ms)
        ON CONFLICT (room_id, effect_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO runtime.outbox_work AS w (room_id, bot, next_at_ms)
        VALUES (of_room, of_bot, now_ms)
        ON CONFLICT (room_id, bot) DO UPDATE SET mark = w.mark + 1;
    IF is_announced THEN
        PERFORM pg_notify('veche_outbox', of_bot || ' ' || of_room);
    END IF;
END $$;

-- Fixes the bytes of rows that this transaction appended; one that was there before keeps its own.
CREATE FUNCTION runtime.outbox_seal_said(
    of_room text, effects text[], bodies text[], types text[], device text, now_ms bigint
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1 .. cardinality(effects) LOOP
        UPDATE runtime.outbox AS o SET state = 1, content = NULL, beside = NULL,
                sealed = bodies[n], sealed_type = types[n], sealed_device = device,
                first_sent_at_ms = now_ms, attempts = 1
            WHERE o.room_id = of_room AND o.effect_id = effects[n] AND o.state = 0
                AND o.xmin = pg_current_xact_id()::xid;
    END LOOP;
END $$;

-- Takes away what was to be sent, where `marks` say that it was all. It waits for nobody: whoever has
-- the row adds to it, or takes it away too; a row that stays is found to be empty a little later.
CREATE FUNCTION runtime.outbox_end(of_rooms text[], of_bots text[], done_marks bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1 .. COALESCE(cardinality(done_marks), 0) LOOP
        DELETE FROM runtime.outbox_work AS w WHERE w.ctid = (
            SELECT o.ctid FROM runtime.outbox_work AS o
            WHERE o.room_id = of_rooms[n] AND o.bot = of_bots[n] AND o.mark = done_marks[n]
            FOR UPDATE SKIP LOCKED);
    END LOOP;
END $$;

-- As before, but for that.
CREATE OR REPLACE FUNCTION runtime.outbox_mark(
    of_rooms text[], of_bots text[], effects text[], events text[], done_marks bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1 .. COALESCE(cardinality(effects), 0) LOOP
        UPDATE runtime.outbox AS o SET state = 2, event_id = events[n]
            WHERE o.room_id = of_rooms[n] AND o.effect_id = effects[n] AND o.state < 2;
    END LOOP;
    PERFORM runtime.outbox_end(of_rooms, of_bots, done_marks);
END $$;

-- Ends the work on a taken room, as inbox_settle does, which took other bots in the rooms that the
-- process has for taken with them. Where the transaction sealed sealed_count rows of the bot in the
-- room, and nothing is to be sent before them, it also gives the mark of that work: then they may go
-- out at once.
CREATE FUNCTION runtime.inbox_end(
    of_room text, of_bot text, of_mark bigint, done bigint[], refused bigint[], next_ms bigint,
    of_bots text[], taken_rooms text[], taken_bots text[], sealed_count int,
    OUT due_at_ms bigint, OUT outbox_mark bigint
) LANGUAGE plpgsql AS $$
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
    SELECT min(w.next_at_ms) INTO due_at_ms FROM runtime.room_work AS w
        WHERE w.bot = ANY (of_bots) AND NOT EXISTS (
            SELECT FROM unnest(taken_rooms, taken_bots) AS t (room_id, bot)
            WHERE t.room_id = w.room_id AND t.bot = w.bot);
    IF sealed_count > 0 THEN
        SELECT w.mark INTO outbox_mark FROM runtime.outbox_work AS w
            WHERE w.room_id = of_room AND w.bot = of_bot AND sealed_count = (
                SELECT count(*) FROM (
                    SELECT bool_and(o.state = 1 AND o.xmin = pg_current_xact_id()::xid)
                        OVER (ORDER BY o.seq) AS is_first
                    FROM runtime.outbox AS o
                    WHERE o.room_id = of_room AND o.bot = of_bot AND o.state < 2) AS one
                WHERE one.is_first);
    END IF;
END $$;
