-- A small block of plain transfers, as most are, in half the statements: its sums come from the arrays
-- that put the rows in, and not from the rows read again; there are no events, holds and refunds to
-- count. Every rule is asked as before: the writer and what it follows, the head, the number of leaves,
-- the bounds of each account, and that each side of each transfer has met an account of its ledger.
--
-- What was put in for this block by hand stays noted as unfinished, so the commit refuses it.
CREATE OR REPLACE FUNCTION ledger.write_block(
    p_shard smallint, p_epoch bigint, p_seq bigint, p_at_ms bigint, p_n integer,
    p_prev bytea, p_root bytea, p_head bytea,
    p_places integer[], p_ids uuid[], p_debits bigint[], p_credits bigint[], p_amounts bigint[],
    p_released bigint[], p_ledgers integer[], p_codes integer[], p_flags integer[],
    p_pending uuid[], p_refunds uuid[], p_refs uuid[], p_exts bigint[], p_channels integer[],
    p_expires bigint[], p_times bigint[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_bitmapscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET ledger.is_inside = 'on' AS $$
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
