-- The current SQL functions of this schema. `veche db migrate` applies this file whenever it has
-- changed. Another signature needs a migration that drops the function and gives its grants again.

CREATE OR REPLACE FUNCTION ledger.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only', TG_TABLE_NAME USING ERRCODE = 'VL002';
END $$;

CREATE OR REPLACE FUNCTION ledger.refuse_by_hand()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is written by the functions of the ledger alone', TG_TABLE_NAME
        USING ERRCODE = 'VL002';
END $$;

CREATE OR REPLACE FUNCTION ledger.note_unfinished()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
 SET "ledger.is_inside" TO 'on'
AS $$
BEGIN
    INSERT INTO ledger.unfinished (shard, seq) SELECT DISTINCT shard, pos >> 13 FROM inserted
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger.refuse_unfinished()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
 SET enable_seqscan TO 'off'
AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger.unfinished WHERE shard = NEW.shard AND seq = NEW.seq) THEN
        RAISE EXCEPTION 'rows of block % without the block', NEW.seq USING ERRCODE = 'VL003';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger.take_over(p_shard smallint, p_holder text)
 RETURNS ledger.shard
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
 SET "ledger.is_inside" TO 'on'
AS $$
    UPDATE ledger.shard SET epoch = epoch + 1, holder = p_holder WHERE shard = p_shard RETURNING *
$$;

CREATE OR REPLACE FUNCTION ledger.require_writer(p_shard smallint, p_epoch bigint, p_seq bigint)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger.shard WHERE shard = p_shard AND epoch = p_epoch AND seq = p_seq - 1
    ) THEN
        RAISE EXCEPTION 'another writer took over shard %', p_shard USING ERRCODE = 'VL001';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION ledger.commit_batch(p_shard smallint, p_epoch bigint, p_seq bigint, p_at_ms bigint, p_n integer, p_prev bytea, p_root bytea, p_head bytea)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
 SET "ledger.is_inside" TO 'on'
 SET enable_nestloop TO 'on'
 SET enable_bitmapscan TO 'on'
AS $$
DECLARE
    first bigint := p_seq * 8192;
    last bigint := p_seq * 8192 + 8191;
    event record;
    burned record;
    moved record;
    done integer;
BEGIN
    UPDATE ledger.shard SET seq = p_seq, at_ms = p_at_ms, head = p_head
    WHERE shard = p_shard AND epoch = p_epoch AND seq = p_seq - 1 AND at_ms <= p_at_ms
        AND head = p_prev;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another writer took over shard %', p_shard USING ERRCODE = 'VL001';
    END IF;
    IF p_head IS DISTINCT FROM sha256(
        '\x02'::bytea || p_prev || int8send(p_seq) || int8send(p_at_ms) || int4send(p_n) || p_root
    ) THEN
        RAISE EXCEPTION 'block % does not extend the chain', p_seq USING ERRCODE = 'VL003';
    END IF;

    SELECT count(*) AS n, count(*) FILTER (WHERE kind = 1) AS opened,
        count(*) FILTER (
            WHERE at_ms <> p_at_ms AND (kind <> 1 OR (flags & 8) = 0 OR at_ms > p_at_ms)
        ) AS untimely
    INTO event FROM ledger.event WHERE shard = p_shard AND pos BETWEEN first AND last;
    SELECT count(*) AS n, count(*) FILTER (WHERE at_ms <> p_at_ms) AS untimely
    INTO burned FROM ledger.burned WHERE shard = p_shard AND pos BETWEEN first AND last;
    IF event.opened > 0 THEN
        INSERT INTO ledger.account
            (shard, id, ledger, code, flags, allowance, ref, ext, channel, opened_pos, at_ms)
        SELECT shard, account_id, ledger, code, flags, allowance, ref, ext, channel, pos, at_ms
        FROM ledger.event WHERE shard = p_shard AND pos BETWEEN first AND last AND kind = 1;
    END IF;

    -- Sums and allowances in one statement: the bounds hold when all of the block has happened.
    WITH batch AS MATERIALIZED (
        SELECT debit_id, credit_id, ledger, flags, pending_id, refund_of, at_ms,
            CASE WHEN (flags & 2) <> 0 THEN amount ELSE -released END AS pending,
            CASE WHEN (flags & 2) <> 0 THEN 0 ELSE amount END AS posted
        FROM ledger.transfer WHERE shard = p_shard AND pos BETWEEN first AND last
    ), allowed AS (
        SELECT DISTINCT ON (account_id) account_id, ledger, allowance FROM ledger.event
        WHERE event.n > event.opened AND shard = p_shard AND pos BETWEEN first AND last
            AND kind = 2 ORDER BY account_id, pos DESC
    ), delta AS MATERIALIZED (
        SELECT id, ledger, ledger.total(dp) AS dp, ledger.total(dq) AS dq, ledger.total(cp) AS cp,
            ledger.total(cq) AS cq, max(allowance) AS allowance
        FROM (
            SELECT debit_id AS id, ledger, pending AS dp, posted AS dq, 0 AS cp, 0 AS cq,
                NULL::bigint AS allowance FROM batch
            UNION ALL
            SELECT credit_id, ledger, 0, 0, pending, posted, NULL FROM batch
            UNION ALL
            SELECT account_id, ledger, 0, 0, 0, 0, allowance FROM allowed
        ) AS side GROUP BY id, ledger
    ), changed AS (
        UPDATE ledger.account AS a SET debits_pending = a.debits_pending + d.dp,
            debits_posted = a.debits_posted + d.dq, credits_pending = a.credits_pending + d.cp,
            credits_posted = a.credits_posted + d.cq,
            allowance = coalesce(d.allowance, a.allowance)
        FROM delta AS d WHERE a.shard = p_shard AND a.id = d.id AND a.ledger = d.ledger
        RETURNING a.id, a.flags, a.debits_pending, a.debits_posted, a.credits_pending,
            a.credits_posted
    ), kept AS (
        INSERT INTO ledger.balance SELECT p_shard, id, p_seq, debits_pending, debits_posted,
            credits_pending, credits_posted FROM changed WHERE (flags & 4) <> 0
    )
    SELECT n, ends, holds, refunds, closings, untimely,
        (SELECT count(*) FROM delta) - (SELECT count(*) FROM changed) AS astray
    INTO moved FROM (
        SELECT count(*) AS n, count(pending_id) AS ends, count(refund_of) AS refunds,
            count(*) FILTER (WHERE (flags & 2) <> 0) AS holds,
            count(*) FILTER (WHERE (flags & 192) <> 0) AS closings,
            count(*) FILTER (
                WHERE at_ms <> p_at_ms AND ((flags & 256) = 0 OR at_ms > p_at_ms)
            ) AS untimely
        FROM batch
    ) AS counted;
    IF moved.n + event.n + burned.n <> p_n OR moved.astray <> 0 THEN
        RAISE EXCEPTION 'block %: % leaves of %, % accounts unknown or of another ledger',
            p_seq, moved.n + event.n + burned.n, p_n, moved.astray USING ERRCODE = 'VL003';
    END IF;
    IF moved.untimely + event.untimely + burned.untimely <> 0 THEN
        RAISE EXCEPTION 'block %: rows of another time', p_seq USING ERRCODE = 'VL003';
    END IF;

    IF moved.holds > 0 THEN
        INSERT INTO ledger.hold SELECT shard, id, debit_id, credit_id, amount, ledger, code,
            refund_of, expires_at_ms, pos
        FROM ledger.transfer WHERE shard = p_shard AND pos BETWEEN first AND last
            AND (flags & 2) <> 0;
    END IF;
    IF moved.closings + moved.ends > 0 THEN
        PERFORM ledger.close_accounts(p_shard, first, last);
    END IF;
    IF moved.ends > 0 THEN
        -- Each ends an open hold, between the same accounts, all of it, and in its time.
        DELETE FROM ledger.hold AS h USING ledger.transfer AS t
        WHERE t.shard = p_shard AND t.pos BETWEEN first AND last AND t.pending_id IS NOT NULL
            AND h.shard = p_shard AND h.id = t.pending_id AND h.pos < t.pos
            AND h.debit_id = t.debit_id AND h.credit_id = t.credit_id AND h.ledger = t.ledger
            AND h.amount = t.released AND h.refund_of IS NOT DISTINCT FROM t.refund_of
            AND ((t.flags & 512) <> 0) = coalesce(h.expires_at_ms <= t.at_ms, FALSE);
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done <> moved.ends THEN
            RAISE EXCEPTION 'block %: % holds ended of %', p_seq, done, moved.ends
                USING ERRCODE = 'VL003';
        END IF;
    END IF;
    IF moved.refunds > 0 THEN
        PERFORM ledger.count_refunds(p_shard, first, last, moved.refunds::integer);
    END IF;
    INSERT INTO ledger.block (shard, seq, epoch, at_ms, n, prev, root, head)
        VALUES (p_shard, p_seq, p_epoch, p_at_ms, p_n, p_prev, p_root, p_head);
    DELETE FROM ledger.unfinished WHERE shard = p_shard AND seq = p_seq;
END $$;

CREATE OR REPLACE FUNCTION ledger.close_accounts(p_shard smallint, first bigint, last bigint)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog'
AS $$
    WITH closing AS (
        SELECT t.pos, (t.flags & 2) <> 0 AS closes, c.flags, c.debit_id, c.credit_id
        FROM ledger.transfer AS t
        JOIN ledger.transfer AS c ON c.shard = p_shard AND c.id = coalesce(t.pending_id, t.id)
        WHERE t.shard = p_shard AND t.pos BETWEEN first AND last AND (c.flags & 192) <> 0
            AND (t.flags & 522) <> 0
    ), latest AS (
        SELECT DISTINCT ON (id) id, closes FROM (
            SELECT pos, debit_id AS id, closes FROM closing WHERE (flags & 64) <> 0
            UNION ALL
            SELECT pos, credit_id, closes FROM closing WHERE (flags & 128) <> 0
        ) AS side ORDER BY id, pos DESC
    )
    UPDATE ledger.account AS a
    SET flags = CASE WHEN l.closes THEN a.flags | 16 ELSE a.flags & ~16 END
    FROM latest AS l WHERE a.shard = p_shard AND a.id = l.id
$$;

CREATE OR REPLACE FUNCTION ledger.count_refunds(p_shard smallint, first bigint, last bigint, expected integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog'
AS $$
DECLARE
    done integer;
BEGIN
    INSERT INTO ledger.refunded (shard, original, captured, refunded)
        SELECT DISTINCT p_shard, o.id, o.amount, 0
        FROM ledger.transfer AS t
        JOIN ledger.transfer AS o ON o.shard = p_shard AND o.id = t.refund_of
        WHERE t.shard = p_shard AND t.pos BETWEEN first AND last AND t.refund_of IS NOT NULL
        ON CONFLICT (shard, original) DO NOTHING;
    WITH given AS (
        SELECT o.id, sum(t.amount - t.released)::bigint AS amount, count(*) AS n
        FROM ledger.transfer AS t
        JOIN ledger.transfer AS o ON o.shard = p_shard AND o.id = t.refund_of AND o.pos < t.pos
            AND o.debit_id = t.credit_id AND o.credit_id = t.debit_id AND o.ledger = t.ledger
            AND (o.flags & 522) = 0
        WHERE t.shard = p_shard AND t.pos BETWEEN first AND last AND t.refund_of IS NOT NULL
        GROUP BY o.id
    ), counted AS (
        UPDATE ledger.refunded AS r SET refunded = r.refunded + g.amount
        FROM given AS g WHERE r.shard = p_shard AND r.original = g.id RETURNING g.n
    )
    SELECT coalesce(sum(n), 0) INTO done FROM counted;
    IF done <> expected THEN
        RAISE EXCEPTION '% refunds of % give back what was paid', done, expected
            USING ERRCODE = 'VL003';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION ledger.grant_to(role_name regrole)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog'
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA ledger TO %s', role_name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO %s', role_name);
    EXECUTE format(
        'GRANT INSERT ON ledger.transfer, ledger.event, ledger.burned, ledger.tree_node,'
        ' ledger.checkpoint TO %s', role_name
    );
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION ledger.require_writer, ledger.commit_batch, ledger.write_block,'
        ' ledger.take_over TO %s', role_name
    );
END $$;

CREATE OR REPLACE FUNCTION payments.keep_vote()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    IF OLD.approved_by IS NOT NULL AND NOT EXISTS (
        SELECT FROM runtime.approval AS a JOIN runtime.device_key AS k USING (key_id)
        WHERE a.nonce = OLD.approved_by AND k.revoked_at_ms IS NOT NULL
    ) AND NOT EXISTS (
        SELECT FROM payments.holder AS h
        WHERE h.id = OLD.holder AND h.frozen_at_ms IS NOT NULL AND NEW.approved_by IS NULL
    ) THEN
        RAISE EXCEPTION 'this vote is given' USING ERRCODE = 'VP001';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION payments.count_back(p_payment text, p_refunded bigint, p_disputed bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $$
BEGIN
    IF p_refunded = 0 AND p_disputed = 0 THEN
        RETURN;
    END IF;
    INSERT INTO payments.given_back AS g (payment_id, captured, refunded, disputed)
        SELECT id, amount, 0, 0 FROM payments.payment WHERE id = p_payment
        ON CONFLICT (payment_id) DO NOTHING;
    UPDATE payments.given_back SET refunded = refunded + p_refunded,
        disputed = disputed + p_disputed WHERE payment_id = p_payment;
END $$;

CREATE OR REPLACE FUNCTION payments.refund_counts(p payments.payment)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $$
    SELECT CASE WHEN p.kind = 'refund' AND p.state IN ('holding', 'held', 'paying', 'paid')
        THEN p.amount ELSE 0 END;
$$;

CREATE OR REPLACE FUNCTION payments.dispute_counts(d payments.dispute)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $$
    SELECT CASE WHEN d.state = 'freezing' THEN d.amount
        WHEN d.state IN ('open', 'at_desk', 'decided', 'appealed') THEN d.held ELSE 0 END;
$$;

CREATE OR REPLACE FUNCTION payments.count_refund()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM payments.count_back(NEW.refund_of, payments.refund_counts(NEW)
        - CASE WHEN TG_OP = 'UPDATE' THEN payments.refund_counts(OLD) ELSE 0 END, 0);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION payments.count_dispute()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM payments.count_back(NEW.payment_id, 0, payments.dispute_counts(NEW)
        - CASE WHEN TG_OP = 'UPDATE' THEN payments.dispute_counts(OLD) ELSE 0 END);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION payments.guardians_approved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM payments.guarded AS g JOIN payments.guard_rule AS r ON r.id = g.rule_id
        WHERE g.payment_id = NEW.id AND r.needed > (
            SELECT count(*) FROM payments.guardian_vote AS v
            JOIN payments.guardian AS o ON o.rule_id = g.rule_id AND o.holder = v.guardian
            WHERE v.payment_id = NEW.id AND v.is_yes
        )
    ) THEN
        RAISE EXCEPTION 'payment % has too few guardians', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'guardians_approved';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION payments.ban_stays()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'a ban is made longer, never shorter'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ban_stays';
END $$;

CREATE OR REPLACE FUNCTION payments.allowance_lasts()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM FROM payments.allowance
    WHERE id = NEW.allowance_id AND state = 'active' AND giver = NEW.payer FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the allowance of payment % is not active', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allowance_lasts';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION payments.peer_end_stays()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'payment % between institutions is % already', OLD.id, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'peer_end_stays';
END $$;

CREATE OR REPLACE FUNCTION payments.keep_evidence()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'evidence stays' USING ERRCODE = 'VP002';
END $$;

CREATE OR REPLACE FUNCTION payments.guarded_is_there()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments.payment WHERE id = NEW.payment_id)
        AND NOT EXISTS (SELECT FROM payments.escrow WHERE id = NEW.payment_id)
    THEN
        RAISE EXCEPTION 'there is no payment or escrow %', NEW.payment_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'guarded_is_there';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION ledger.write_block(p_shard smallint, p_epoch bigint, p_seq bigint, p_at_ms bigint, p_n integer, p_prev bytea, p_root bytea, p_head bytea, p_places integer[], p_ids uuid[], p_debits bigint[], p_credits bigint[], p_amounts bigint[], p_released bigint[], p_ledgers integer[], p_codes integer[], p_flags integer[], p_pending uuid[], p_refunds uuid[], p_refs uuid[], p_exts bigint[], p_channels integer[], p_expires bigint[], p_times bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_nestloop TO 'off'
 SET enable_mergejoin TO 'off'
 SET "ledger.is_inside" TO 'on'
AS $$
DECLARE
    moved record;
BEGIN
    -- No row of another block: nobody would notice it.
    IF cardinality(p_ids) > 8192 OR 0 > ANY (p_places) OR 8191 < ANY (p_places) THEN
        RAISE EXCEPTION 'block %: places outside of it', p_seq USING ERRCODE = 'VL003';
    END IF;
    INSERT INTO ledger.transfer (shard, pos, id, debit_id, credit_id, amount, released, ledger,
        code, flags, pending_id, refund_of, ref, ext, channel, expires_at_ms, at_ms)
    SELECT p_shard, p_seq * 8192 + coalesce(place, number - 1), id, debit_id, credit_id, amount,
        coalesce(released, 0), ledger, code, coalesce(flags, 0), pending_id, refund_of, ref,
        coalesce(ext, 0), coalesce(channel, 0), expires_at_ms, coalesce(at_ms, p_at_ms)
    FROM unnest(p_places, p_ids, p_debits, p_credits, p_amounts, p_released, p_ledgers, p_codes,
        p_flags, p_pending, p_refunds, p_refs, p_exts, p_channels, p_expires, p_times)
        WITH ORDINALITY AS given (place, id, debit_id, credit_id, amount, released, ledger, code,
        flags, pending_id, refund_of, ref, ext, channel, expires_at_ms, at_ms, number);

    -- Flags of plain ones: 1 linked, 16 and 32 balancing.
    IF (p_n = cardinality(p_ids) AND num_nulls(p_released, p_pending, p_refunds, p_expires, p_times) = 5
        AND (p_flags IS NULL OR NOT EXISTS (
            SELECT FROM unnest(p_flags) AS one WHERE (one & ~49) <> 0
        ))) IS NOT TRUE
    THEN
        PERFORM ledger.commit_batch(p_shard, p_epoch, p_seq, p_at_ms, p_n, p_prev, p_root, p_head);
        RETURN;
    END IF;

    UPDATE ledger.shard SET seq = p_seq, at_ms = p_at_ms, head = p_head
    WHERE shard = p_shard AND epoch = p_epoch AND seq = p_seq - 1 AND at_ms <= p_at_ms
        AND head = p_prev;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another writer took over shard %', p_shard USING ERRCODE = 'VL001';
    END IF;
    IF p_head IS DISTINCT FROM sha256(
        '\x02'::bytea || p_prev || int8send(p_seq) || int8send(p_at_ms) || int4send(p_n) || p_root
    ) THEN
        RAISE EXCEPTION 'block % does not extend the chain', p_seq USING ERRCODE = 'VL003';
    END IF;
    -- The index is gone through once, in its order, and not from its root for each account.
    WITH changed AS (
        UPDATE ledger.account AS a SET debits_posted = a.debits_posted + d.debits,
            credits_posted = a.credits_posted + d.credits
        FROM (
            SELECT id, ledger, ledger.total(debit) AS debits, ledger.total(credit) AS credits,
                count(*) AS n
            FROM (
                SELECT id, ledger, amount AS debit, 0::bigint AS credit
                FROM unnest(p_debits, p_ledgers, p_amounts) AS given (id, ledger, amount)
                UNION ALL
                SELECT id, ledger, 0, amount
                FROM unnest(p_credits, p_ledgers, p_amounts) AS given (id, ledger, amount)
            ) AS side GROUP BY id, ledger
        ) AS d
        WHERE a.shard = p_shard AND a.id = ANY (p_debits || p_credits) AND a.id = d.id
            AND a.ledger = d.ledger
        RETURNING a.flags, d.n
    )
    SELECT coalesce(sum(n), 0) AS sides, count(*) FILTER (WHERE (flags & 4) <> 0) AS histories
    INTO moved FROM changed;
    IF moved.sides <> 2 * p_n THEN
        RAISE EXCEPTION 'block %: % sides with accounts unknown or of another ledger',
            p_seq, 2 * p_n - moved.sides USING ERRCODE = 'VL003';
    END IF;
    IF moved.histories > 0 THEN
        INSERT INTO ledger.balance SELECT p_shard, id, p_seq, debits_pending, debits_posted,
            credits_pending, credits_posted
        FROM ledger.account
        WHERE shard = p_shard AND id = ANY (p_debits || p_credits) AND (flags & 4) <> 0;
    END IF;
    INSERT INTO ledger.block (shard, seq, epoch, at_ms, n, prev, root, head)
        VALUES (p_shard, p_seq, p_epoch, p_at_ms, p_n, p_prev, p_root, p_head);
END $$;

CREATE OR REPLACE FUNCTION payments.credit_note_stays()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'a credit note stays as it was made'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_note_stays';
END $$;

CREATE OR REPLACE FUNCTION payments.invoice_payer_is_there()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments.payment WHERE id = NEW.paid_by)
        AND NOT EXISTS (SELECT FROM payments.peer_in WHERE id = NEW.paid_by)
    THEN
        RAISE EXCEPTION 'there is no payment or packet %', NEW.paid_by
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_payer_is_there';
    END IF;
    RETURN NEW;
END $$;
