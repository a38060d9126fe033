-- A double-entry ledger that PostgreSQL itself keeps honest.
--
-- The service decides, and appends rows. The database computes every balance from these rows in the
-- same transaction, and refuses the whole block when a rule is broken: a balance is the fold of its
-- rows, nobody overdraws, a hold ends once and in full, nothing recorded is changed or removed, no
-- more is given back than was paid, and a writer whose view is not the latest cannot commit.
--
-- SQLSTATE of our own: VL001 another writer took over, VL002 not in this way, VL003 a block that
-- breaks a rule.
CREATE SCHEMA ledger;

-- Who may write, and the last block.
CREATE TABLE ledger.shard (
    shard smallint PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 0,            -- one more with each take-over
    seq bigint NOT NULL DEFAULT 0,
    at_ms bigint NOT NULL DEFAULT 0,            -- ledger time: never goes back
    head bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (length(head) = 32),
    holder text                                 -- where the writer is to be found
);
INSERT INTO ledger.shard (shard) VALUES (0);

-- flags: 1 no overdraft, 2 no overcredit, 4 history, 8 imported, 16 closed.
-- allowance: how far the bounded side may pass the other. (It is taken away from the sum and not
-- added to the other one, since that could pass 2^63 - 1.)
-- No index on a sum, and half-empty pages, so that an update stays in its page.
CREATE TABLE ledger.account (
    shard smallint NOT NULL REFERENCES ledger.shard,
    id bigint NOT NULL CHECK (id > 0),
    ledger integer NOT NULL CHECK (ledger > 0),
    code integer NOT NULL CHECK (code > 0),
    flags integer NOT NULL,
    allowance bigint NOT NULL CHECK (allowance >= 0),
    ref uuid,
    ext bigint NOT NULL,
    channel integer NOT NULL,
    debits_pending bigint NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
    debits_posted bigint NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
    credits_pending bigint NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
    credits_posted bigint NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
    opened_pos bigint NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (shard, id),
    CONSTRAINT one_bound CHECK ((flags & 3) <> 3),
    CONSTRAINT no_overflow CHECK (
        debits_pending <= 9223372036854775807 - debits_posted
        AND credits_pending <= 9223372036854775807 - credits_posted
    ),
    CONSTRAINT no_overdraft CHECK (
        (flags & 1) = 0 OR debits_posted + debits_pending - allowance <= credits_posted
    ),
    CONSTRAINT no_overcredit CHECK (
        (flags & 2) = 0 OR credits_posted + credits_pending - allowance <= debits_posted
    )
) WITH (fillfactor = 50);

-- pos = block * 8192 + place in the block: one number orders all that ever happened.
-- flags: 1 linked, 2 pending, 4 post, 8 void, 16 and 32 balancing, 64 and 128 closing, 256 imported,
-- 512 expired. released: of a row that ends a hold, all that was held.
CREATE TABLE ledger.transfer (
    shard smallint NOT NULL,
    pos bigint NOT NULL,
    id uuid NOT NULL,
    debit_id bigint NOT NULL,
    credit_id bigint NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    released bigint NOT NULL CHECK (released >= 0),
    ledger integer NOT NULL,
    code integer NOT NULL,
    flags integer NOT NULL,
    pending_id uuid,
    refund_of uuid,
    ref uuid,
    ext bigint NOT NULL,
    channel integer NOT NULL,
    expires_at_ms bigint,
    at_ms bigint NOT NULL,
    PRIMARY KEY (shard, pos),
    CHECK (debit_id <> credit_id),
    CHECK ((pending_id IS NOT NULL) = ((flags & 524) <> 0)),
    CHECK (expires_at_ms IS NULL OR ((flags & 2) <> 0 AND expires_at_ms > at_ms)),
    CHECK (CASE WHEN (flags & 4) <> 0 THEN released >= amount
                WHEN pending_id IS NOT NULL THEN amount = 0
                ELSE released = 0 END)
);
CREATE UNIQUE INDEX transfer_once ON ledger.transfer (shard, id);
CREATE UNIQUE INDEX transfer_resolves_once ON ledger.transfer (shard, pending_id)
    WHERE pending_id IS NOT NULL;
CREATE INDEX transfer_debit ON ledger.transfer (shard, debit_id, pos);
CREATE INDEX transfer_credit ON ledger.transfer (shard, credit_id, pos);
CREATE INDEX transfer_ref ON ledger.transfer (shard, ref) WHERE ref IS NOT NULL;

-- What happened to an account: 1 opened, 2 its allowance set. The salt is fresh for each.
CREATE TABLE ledger.event (
    shard smallint NOT NULL,
    pos bigint NOT NULL,
    kind smallint NOT NULL CHECK (kind IN (1, 2)),
    account_id bigint NOT NULL,
    ledger integer NOT NULL,
    code integer NOT NULL,
    flags integer NOT NULL,
    allowance bigint NOT NULL CHECK (allowance >= 0),
    ref uuid,
    ext bigint NOT NULL,
    channel integer NOT NULL,
    salt text NOT NULL CHECK (salt ~ '^[0-9a-f]{20}$'),
    at_ms bigint NOT NULL,
    PRIMARY KEY (shard, pos)
);

-- An id that failed for a reason that time may cure: a late retry never succeeds behind somebody's
-- back. result: numbers of appservices/payments/core/ledger/results.py.
CREATE TABLE ledger.burned (
    shard smallint NOT NULL,
    pos bigint NOT NULL,
    id uuid NOT NULL,
    result smallint NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (shard, pos)
);
CREATE UNIQUE INDEX burned_once ON ledger.burned (shard, id);

-- Holds that are open now: what a writer that starts must know, and nothing else.
CREATE TABLE ledger.hold (
    shard smallint NOT NULL,
    id uuid NOT NULL,
    debit_id bigint NOT NULL,
    credit_id bigint NOT NULL,
    amount bigint NOT NULL,
    ledger integer NOT NULL,
    code integer NOT NULL,
    refund_of uuid,
    expires_at_ms bigint,
    pos bigint NOT NULL,
    PRIMARY KEY (shard, id)
);

-- What was given back, or is held to be given back, of a transfer or post that moved money.
CREATE TABLE ledger.refunded (
    shard smallint NOT NULL,
    original uuid NOT NULL,
    captured bigint NOT NULL,
    refunded bigint NOT NULL,
    PRIMARY KEY (shard, original),
    CONSTRAINT no_over_refund CHECK (refunded BETWEEN 0 AND captured)
);

CREATE TABLE ledger.block (
    shard smallint NOT NULL,
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    at_ms bigint NOT NULL,
    n integer NOT NULL CHECK (n BETWEEN 1 AND 8192),    -- leaves: transfers, events, burned ids
    prev bytea NOT NULL,
    root bytea NOT NULL CHECK (length(root) = 32),
    head bytea NOT NULL,
    PRIMARY KEY (shard, seq)
);

-- What accounts with a history had moved after a block that moved them.
CREATE TABLE ledger.balance (
    shard smallint NOT NULL,
    account_id bigint NOT NULL,
    seq bigint NOT NULL,
    debits_pending bigint NOT NULL,
    debits_posted bigint NOT NULL,
    credits_pending bigint NOT NULL,
    credits_posted bigint NOT NULL,
    PRIMARY KEY (shard, account_id, seq)
);

-- Blocks that this transaction put rows into and has not finished. Empty between transactions, so it
-- may be so after a crash too.
CREATE UNLOGGED TABLE ledger.unfinished (
    shard smallint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (shard, seq)
);

-- Guards. A role that may only read, append rows and call the functions (`ledger.grant_to`) cannot
-- get past them. The owner of these tables could, but only on purpose: no statement of a service
-- that merely has a bug does what is refused here.

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only', TG_TABLE_NAME USING ERRCODE = 'VL002';
END $$;

CREATE FUNCTION ledger.refuse_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is written by the functions of the ledger alone', TG_TABLE_NAME
        USING ERRCODE = 'VL002';
END $$;

DO $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['transfer', 'event', 'burned', 'block', 'balance'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.%I'
            ' EXECUTE FUNCTION ledger.refuse_change()', one
        );
    END LOOP;
    FOREACH one IN ARRAY ARRAY['block', 'balance'] LOOP
        EXECUTE format(
            'CREATE TRIGGER not_by_hand BEFORE INSERT ON ledger.%I'
            ' WHEN (current_setting(''ledger.is_inside'', TRUE) IS DISTINCT FROM ''on'')'
            ' EXECUTE FUNCTION ledger.refuse_by_hand()', one
        );
    END LOOP;
    FOREACH one IN ARRAY ARRAY['shard', 'account', 'hold', 'refunded', 'unfinished'] LOOP
        EXECUTE format(
            'CREATE TRIGGER not_by_hand BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ledger.%I'
            ' WHEN (current_setting(''ledger.is_inside'', TRUE) IS DISTINCT FROM ''on'')'
            ' EXECUTE FUNCTION ledger.refuse_by_hand()', one
        );
    END LOOP;
END $$;

-- A row outside of the block that its transaction finishes is refused when that commits: nothing is
-- slipped into an old block, and nothing is left that no balance knows of.
CREATE FUNCTION ledger.note_unfinished() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET ledger.is_inside = 'on' AS $$
BEGIN
    INSERT INTO ledger.unfinished (shard, seq) SELECT DISTINCT shard, pos >> 13 FROM inserted
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER belongs_to_a_block AFTER INSERT ON ledger.transfer
    REFERENCING NEW TABLE AS inserted EXECUTE FUNCTION ledger.note_unfinished();
CREATE TRIGGER belongs_to_a_block AFTER INSERT ON ledger.event
    REFERENCING NEW TABLE AS inserted EXECUTE FUNCTION ledger.note_unfinished();
CREATE TRIGGER belongs_to_a_block AFTER INSERT ON ledger.burned
    REFERENCING NEW TABLE AS inserted EXECUTE FUNCTION ledger.note_unfinished();

CREATE FUNCTION ledger.refuse_unfinished() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger.unfinished WHERE shard = NEW.shard AND seq = NEW.seq) THEN
        RAISE EXCEPTION 'rows of block % without the block', NEW.seq USING ERRCODE = 'VL003';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER is_finished AFTER INSERT ON ledger.unfinished
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger.refuse_unfinished();

-- Become the writer: every older one's next commit fails. The caller holds the advisory lock.
CREATE FUNCTION ledger.take_over(p_shard smallint, p_holder text) RETURNS ledger.shard
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog SET ledger.is_inside = 'on' AS $$
    UPDATE ledger.shard SET epoch = epoch + 1, holder = p_holder WHERE shard = p_shard RETURNING *
$$;

-- After rows were refused: a writer that is no longer the one shall hear that, and not that its rows
-- are there already.
CREATE FUNCTION ledger.require_writer(p_shard smallint, p_epoch bigint, p_seq bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger.shard WHERE shard = p_shard AND epoch = p_epoch AND seq = p_seq - 1
    ) THEN
        RAISE EXCEPTION 'another writer took over shard %', p_shard USING ERRCODE = 'VL001';
    END IF;
END $$;

-- A sum as ``bigint``: that of PostgreSQL is a numeric, which takes a tenth of a block's time. Beyond
-- 2^63 - 1 it fails.
CREATE AGGREGATE ledger.total (bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0');

-- Finish a block whose rows the caller has just put in. Set-based: some six statements for one row
-- or 8,000. Scans and the joins that need them are off: the plan is generic, and the planner would
-- guess the block as half a percent of the table and read all accounts for three rows.
CREATE FUNCTION ledger.commit_batch(
    p_shard smallint, p_epoch bigint, p_seq bigint, p_at_ms bigint, p_n integer,
    p_prev bytea, p_root bytea, p_head bytea
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
SET ledger.is_inside = 'on' AS $$
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

-- A hold that closes an account closes it when it is made, and opens it when it is not posted.
CREATE FUNCTION ledger.close_accounts(p_shard smallint, first bigint, last bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog AS $$
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

-- Each gives back, from payee to payer, what a plain transfer or a post had moved.
CREATE FUNCTION ledger.count_refunds(
    p_shard smallint, first bigint, last bigint, expected integer
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
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

-- For a role of the service of its own, which owns nothing here: it reads, appends rows and calls
-- three functions, and cannot touch a balance.
CREATE FUNCTION ledger.grant_to(role_name regrole) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA ledger TO %s', role_name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO %s', role_name);
    EXECUTE format('GRANT INSERT ON ledger.transfer, ledger.event, ledger.burned TO %s', role_name);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION ledger.require_writer, ledger.commit_batch, ledger.take_over'
        ' TO %s', role_name
    );
END $$;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
