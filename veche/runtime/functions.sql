-- The current SQL functions of this schema. `veche db migrate` applies this file whenever it has
-- changed. Another signature needs a migration that drops the function and gives its grants again.

CREATE OR REPLACE FUNCTION runtime.inbox_add(rooms text[], event_ids text[], senders text[], types text[], abouts text[], events text[], source_is smallint, now_ms bigint, only_bot text, local_bots text[], is_busy boolean, OUT row_count bigint, OUT room_count bigint)
 RETURNS record
 LANGUAGE plpgsql
AS $$
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

CREATE OR REPLACE FUNCTION runtime.inbox_take(of_bots text[], now_ms bigint, only_room text, before_seq bigint, rows_max integer)
 RETURNS TABLE(room_id text, bot text, mark bigint, is_joined boolean, looked_at_ms bigint, seq bigint, event_id text, sender text, event_type text, event json, state smallint, waits_until_ms bigint, received_at_ms bigint, failures smallint)
 LANGUAGE plpgsql
AS $$
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

CREATE OR REPLACE FUNCTION runtime.inbox_settle(of_room text, of_bot text, of_mark bigint, done bigint[], refused bigint[], next_ms bigint, of_bots text[], taken_rooms text[])
 RETURNS bigint
 LANGUAGE plpgsql
AS $$
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

CREATE OR REPLACE FUNCTION runtime.outbox_mark(of_rooms text[], of_bots text[], effects text[], events text[], done_marks bigint[])
 RETURNS void
 LANGUAGE plpgsql
AS $$
BEGIN
    FOR n IN 1 .. COALESCE(cardinality(effects), 0) LOOP
        UPDATE runtime.outbox AS o SET state = 2, event_id = events[n]
            WHERE o.room_id = of_rooms[n] AND o.effect_id = effects[n] AND o.state < 2;
    END LOOP;
    PERFORM runtime.outbox_end(of_rooms, of_bots, done_marks);
END $$;

CREATE OR REPLACE FUNCTION runtime.outbox_take(of_room text, of_bot text, rows_max integer, mark_rooms text[], mark_bots text[], effects text[], events text[], done_marks bigint[])
 RETURNS TABLE(mark bigint, is_looked_at boolean, effect_id text, event_type text, state_key text, redacts text, relation json, content json, beside json, sealed text, sealed_type text, sealed_device text, attempts integer, first_sent_at_ms bigint, created_at_ms bigint)
 LANGUAGE plpgsql
AS $$
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

CREATE OR REPLACE FUNCTION runtime.outbox_seal(of_room text, effects text[], bodies text[], types text[], redacted text[], device text, now_ms bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $$
BEGIN
    FOR n IN 1 .. COALESCE(cardinality(effects), 0) LOOP
        UPDATE runtime.outbox AS o SET state = 1, content = NULL, beside = NULL,
                sealed = bodies[n], sealed_type = types[n], redacts = redacted[n],
                sealed_device = device, first_sent_at_ms = now_ms, attempts = 1
            WHERE o.room_id = of_room AND o.effect_id = effects[n] AND o.state = 0;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION runtime.act_lock(of_organisation text, of_subject text, OUT size bigint, OUT head bytea, OUT seq bigint, OUT commitment text)
 RETURNS record
 LANGUAGE plpgsql
AS $$
BEGIN
    SELECT h.size, h.head INTO size, head FROM runtime.act_head AS h
        WHERE h.organisation = of_organisation FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO runtime.act_head (organisation, size, head)
            VALUES (of_organisation, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
        SELECT h.size, h.head INTO size, head FROM runtime.act_head AS h
            WHERE h.organisation = of_organisation FOR UPDATE;
    END IF;
    SELECT s.seq, s.commitment INTO seq, commitment FROM runtime.act_subject AS s
        WHERE s.organisation = of_organisation AND s.subject = of_subject;
    IF NOT FOUND THEN
        seq := 0;
        commitment := '';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION runtime.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '%.% is append only', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;

CREATE OR REPLACE FUNCTION runtime.demand(is_so boolean, what text)
 RETURNS void
 LANGUAGE plpgsql
AS $$
BEGIN
    IF is_so IS NOT TRUE THEN
        RAISE EXCEPTION '%', what USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION runtime.outbox_append(of_room text, of_effect text, of_bot text, of_type text, of_state_key text, of_redacts text, of_relation json, of_content json, of_beside json, now_ms bigint, is_announced boolean)
 RETURNS void
 LANGUAGE plpgsql
AS $$
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

CREATE OR REPLACE FUNCTION runtime.outbox_append_sealed(of_room text, of_effect text, of_bot text, of_type text, of_relation json, said_at_ms bigint, body text, body_type text, device text, now_ms bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO runtime.outbox (room_id, effect_id, bot, event_type, relation, created_at_ms,
            state, sealed, sealed_type, sealed_device, first_sent_at_ms, attempts)
        VALUES (of_room, of_effect, of_bot, of_type, of_relation, said_at_ms,
            1, body, body_type, device, now_ms, 1)
        ON CONFLICT (room_id, effect_id) DO NOTHING;
    IF FOUND THEN
        INSERT INTO runtime.outbox_work AS w (room_id, bot, next_at_ms)
            VALUES (of_room, of_bot, said_at_ms)
            ON CONFLICT (room_id, bot) DO UPDATE SET mark = w.mark + 1;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION runtime.outbox_seal_said(of_room text, effects text[], bodies text[], types text[], device text, now_ms bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $$
BEGIN
    FOR n IN 1 .. cardinality(effects) LOOP
        UPDATE runtime.outbox AS o SET state = 1, content = NULL, beside = NULL,
                sealed = bodies[n], sealed_type = types[n], sealed_device = device,
                first_sent_at_ms = now_ms, attempts = 1
            WHERE o.room_id = of_room AND o.effect_id = effects[n] AND o.state = 0
                AND o.xmin = pg_current_xact_id()::xid;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION runtime.outbox_end(of_rooms text[], of_bots text[], done_marks bigint[])
 RETURNS void
 LANGUAGE plpgsql
AS $$
BEGIN
    FOR n IN 1 .. COALESCE(cardinality(done_marks), 0) LOOP
        DELETE FROM runtime.outbox_work AS w WHERE w.ctid = (
            SELECT o.ctid FROM runtime.outbox_work AS o
            WHERE o.room_id = of_rooms[n] AND o.bot = of_bots[n] AND o.mark = done_marks[n]
            FOR UPDATE SKIP LOCKED);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION runtime.inbox_end(of_room text, of_bot text, of_mark bigint, done bigint[], refused bigint[], next_ms bigint, of_bots text[], taken_rooms text[], taken_bots text[], sealed_count integer, OUT due_at_ms bigint, OUT outbox_mark bigint)
 RETURNS record
 LANGUAGE plpgsql
AS $$
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

CREATE OR REPLACE FUNCTION runtime.refuse_change_of_act()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.opening IS NULL AND NEW.salt IS NULL AND NEW.bound IS NOT DISTINCT FROM OLD.bound
        AND (NEW.organisation, NEW.idx, NEW.entry, NEW.inner_part, NEW.prev, NEW.head, NEW.subject)
            = (OLD.organisation, OLD.idx, OLD.entry, OLD.inner_part, OLD.prev, OLD.head,
                OLD.subject)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '%.% is append only', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;

CREATE OR REPLACE FUNCTION runtime.refuse_other_than_sealing()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    IF OLD.sealed IS NOT NULL OR NEW.sealed IS NULL OR NEW.signed IS NOT NULL
        OR (OLD.nonce, OLD.person, OLD.kind, OLD.means, OLD.key_id, OLD.proof::text, OLD.event_id,
            OLD.at_ms, OLD.minor, OLD.currency)
        IS DISTINCT FROM (NEW.nonce, NEW.person, NEW.kind, NEW.means, NEW.key_id, NEW.proof::text,
            NEW.event_id, NEW.at_ms, NEW.minor, NEW.currency)
    THEN
        RAISE EXCEPTION 'runtime.approval is append only';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION runtime.living(lock bigint)
 RETURNS SETOF bigint
 LANGUAGE sql
 STABLE
AS $$
    SELECT objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid::bigint = lock AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
$$;
