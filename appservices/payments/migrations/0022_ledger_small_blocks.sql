-- A small block in one call: its transfers come as arrays, and not by a COPY before it. A COPY costs
-- as much as forty of its rows, and so does what notes that a block is unfinished: here none can be.
--
-- All that a block has to fulfil is asked by `ledger.commit_batch`, as before, in the same call.
-- Arrays that are NULL stand for what most transfers are: plain, nothing released, in a row.
CREATE FUNCTION ledger.write_block(
    p_shard smallint, p_epoch bigint, p_seq bigint, p_at_ms bigint, p_n integer,
    p_prev bytea, p_root bytea, p_head bytea,
    p_places integer[], p_ids uuid[], p_debits bigint[], p_credits bigint[], p_amounts bigint[],
    p_released bigint[], p_ledgers integer[], p_codes integer[], p_flags integer[],
    p_pending uuid[], p_refunds uuid[], p_refs uuid[], p_exts bigint[], p_channels integer[],
    p_expires bigint[], p_times bigint[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan
SET ledger.is_inside = 'on' AS $$
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
    PERFORM ledger.commit_batch(p_shard, p_epoch, p_seq, p_at_ms, p_n, p_prev, p_root, p_head);
END $$;
REVOKE EXECUTE ON FUNCTION ledger.write_block FROM PUBLIC;

-- Rows that the function puts in need no note that their block is unfinished. Who is let in by it
-- and owns nothing cannot call themselves inside: they are not the owner. The owner could, but only
-- on purpose, as everywhere else.
DO $$ BEGIN
    DROP TRIGGER belongs_to_a_block ON ledger.transfer;
    EXECUTE format(
        'CREATE TRIGGER belongs_to_a_block AFTER INSERT ON ledger.transfer'
        ' REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT'
        ' WHEN (current_setting(''ledger.is_inside'', TRUE) IS DISTINCT FROM ''on'''
        ' OR current_user <> %L) EXECUTE FUNCTION ledger.note_unfinished()', current_user
    );
END $$;

-- What a role of the service of its own may do with the ledger: read, append rows, call four
-- functions, publish heads. Again after each upgrade: `veche db grant` calls it.
CREATE OR REPLACE FUNCTION ledger.grant_to(role_name regrole) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
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
REVOKE EXECUTE ON FUNCTION ledger.grant_to FROM PUBLIC;
