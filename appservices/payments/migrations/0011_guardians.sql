-- Guardians: persons whom a payer chose to look at payments above an amount first, and what a payer
-- forbade to themselves. A rule is never changed: another takes its place, at once if it asks for
-- more, later if it asks for less.

CREATE TABLE payments.guard_rule (
    id text PRIMARY KEY,
    holder bigint NOT NULL REFERENCES payments.holder,      -- whose payments
    ledger integer NOT NULL REFERENCES payments.currency,
    state text NOT NULL CHECK (state IN ('proposed', 'asked', 'waiting', 'active', 'ended')),
    needed smallint NOT NULL CHECK (needed BETWEEN 0 AND 5),    -- 0: no guardians any more
    above bigint NOT NULL CHECK (above >= 0),
    is_shown boolean NOT NULL,          -- guardians see whom and how much
    sealed bytea NOT NULL,              -- names
    approved_by text UNIQUE,            -- nonce of the payer's approval, runtime.approval
    counts_from_ms bigint,
    changed_at_ms bigint NOT NULL,
    CONSTRAINT guard_rule_given CHECK (state IN ('proposed', 'ended') OR approved_by IS NOT NULL),
    CHECK (state <> 'waiting' OR counts_from_ms IS NOT NULL)
);
CREATE UNIQUE INDEX one_guard_rule ON payments.guard_rule (holder, ledger) WHERE state = 'active';
CREATE UNIQUE INDEX one_coming_guard_rule ON payments.guard_rule (holder, ledger)
    WHERE state IN ('asked', 'waiting');

CREATE TABLE payments.guardian (
    rule_id text NOT NULL REFERENCES payments.guard_rule,
    holder bigint NOT NULL REFERENCES payments.holder,
    place smallint NOT NULL CHECK (place BETWEEN 1 AND 5),
    approved_by text,                   -- nonce of their acceptance; none: not yet
    PRIMARY KEY (rule_id, holder),
    UNIQUE (rule_id, place)
);

-- Payments that guardians are asked about, by which rule; what they said, and by which approval.
CREATE TABLE payments.guarded (
    payment_id text PRIMARY KEY REFERENCES payments.payment,
    rule_id text NOT NULL REFERENCES payments.guard_rule
);
CREATE TABLE payments.guardian_vote (
    payment_id text NOT NULL REFERENCES payments.guarded,
    guardian bigint NOT NULL REFERENCES payments.holder,
    is_yes boolean NOT NULL,
    approved_by text UNIQUE,
    at_ms bigint NOT NULL,
    PRIMARY KEY (payment_id, guardian),
    CONSTRAINT yes_is_signed CHECK (NOT is_yes OR approved_by IS NOT NULL)
);

-- Nothing that guardians are asked about moves before enough of them approved.
CREATE FUNCTION payments.guardians_approved() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER guardians_approved BEFORE UPDATE OF state ON payments.payment
    FOR EACH ROW WHEN (NEW.state IN ('holding', 'paying') AND NEW.state <> OLD.state)
    EXECUTE FUNCTION payments.guardians_approved();

-- One more state, to whatever other files let in.
DO $$
DECLARE
    before text;
BEGIN
    SELECT pg_get_expr(conbin, conrelid) INTO STRICT before FROM pg_constraint
    WHERE conrelid = 'payments.payment'::regclass AND conname = 'payment_state_check';
    EXECUTE format(
        'ALTER TABLE payments.payment DROP CONSTRAINT payment_state_check,'
        ' ADD CONSTRAINT payment_state_check CHECK (%s OR state = ''guarded'')', before
    );
END $$;
ALTER TABLE payments.payment ADD CONSTRAINT authority_to_ask_guardians CHECK (
    state <> 'guarded' OR approved_by IS NOT NULL
);

-- From when a wait counts; of older payments that is when they were made.
ALTER TABLE payments.payment ADD COLUMN approved_at_ms bigint;

-- What somebody forbade to themselves: until when. It is made longer, never shorter.
CREATE TABLE payments.self_ban (
    holder bigint NOT NULL REFERENCES payments.holder,
    what text NOT NULL,                 -- 'all', 'payouts', or a kind of organisations
    until_ms bigint NOT NULL,
    approved_by text NOT NULL UNIQUE,
    PRIMARY KEY (holder, what)
);
CREATE FUNCTION payments.ban_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a ban is made longer, never shorter'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'ban_stays';
END $$;
CREATE TRIGGER ban_stays BEFORE UPDATE ON payments.self_ban
    FOR EACH ROW WHEN (NEW.until_ms < OLD.until_ms) EXECUTE FUNCTION payments.ban_stays();
