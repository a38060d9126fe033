-- Allowances: somebody lets another pay from their account, within caps. How much of a period is used
-- is kept in one row, so that no two uses at once pass the cap; and no use is made of an allowance
-- that is ended, whatever a service does.

CREATE TABLE payments.allowance (
    id text PRIMARY KEY,
    giver bigint NOT NULL REFERENCES payments.holder,       -- whose account
    spender bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    state text NOT NULL CHECK (state IN ('proposed', 'active', 'ended')),
    each_max bigint NOT NULL CHECK (each_max > 0),
    period text NOT NULL CHECK (period IN ('day', 'week', 'month', 'year')),
    period_max bigint NOT NULL CHECK (period_max >= each_max),
    starts_at_ms bigint NOT NULL,
    ends_at_ms bigint NOT NULL,
    sealed bytea NOT NULL,              -- names, whom it may pay
    approved_by text UNIQUE,            -- nonce of the giver's approval, runtime.approval
    changed_at_ms bigint NOT NULL,
    CHECK (giver <> spender),
    CONSTRAINT allowance_given CHECK (state IN ('proposed', 'ended') OR approved_by IS NOT NULL)
);
CREATE INDEX allowance_giver ON payments.allowance (giver, id);
CREATE INDEX allowance_spender ON payments.allowance (spender, id);

CREATE TABLE payments.allowance_period (
    allowance_id text NOT NULL REFERENCES payments.allowance,
    period integer NOT NULL CHECK (period >= 0),
    cap bigint NOT NULL,
    used bigint NOT NULL,
    PRIMARY KEY (allowance_id, period),
    CONSTRAINT allowance_cap CHECK (used BETWEEN 0 AND cap)
);

-- A use is a payment of the giver's, approved by the key of the one who pays.
ALTER TABLE payments.payment ADD COLUMN allowance_id text REFERENCES payments.allowance;
CREATE INDEX payment_of_allowance ON payments.payment (allowance_id)
    WHERE allowance_id IS NOT NULL;

CREATE FUNCTION payments.allowance_lasts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM payments.allowance
    WHERE id = NEW.allowance_id AND state = 'active' AND giver = NEW.payer FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the allowance of payment % is not active', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allowance_lasts';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allowance_lasts BEFORE UPDATE OF state ON payments.payment
    FOR EACH ROW WHEN (
        NEW.allowance_id IS NOT NULL AND NEW.state IN ('holding', 'paying')
        AND NEW.state <> OLD.state
    )
    EXECUTE FUNCTION payments.allowance_lasts();
