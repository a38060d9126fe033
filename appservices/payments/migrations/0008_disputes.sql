-- A payer says that a payment was not right: the amount is set aside at the payee, nothing else of
-- theirs, until they answer, the institution decides, or a clock ends it.

CREATE TABLE payments.dispute (
    id text PRIMARY KEY,
    payment_id text NOT NULL REFERENCES payments.payment,
    state text NOT NULL CHECK (state IN (
        'asked', 'freezing', 'open', 'at_desk', 'ending', 'closed', 'cancelled', 'expired'
    )),
    payer bigint NOT NULL REFERENCES payments.holder,
    payee bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    amount bigint NOT NULL CHECK (amount > 0),
    held bigint NOT NULL DEFAULT 0,     -- what was set aside: less, if the payee had less
    given bigint,                       -- what the end gives back
    ended_by text CHECK (ended_by IN ('agreed', 'decided', 'withdrawn', 'lapsed')),
    due_at_ms bigint,                   -- when the state ends by itself
    hold_ends_at_ms bigint,             -- when the ledger lets go what was set aside, whatever comes
    approved_by text UNIQUE,            -- nonce of the payer's approval, runtime.approval
    decided_by text UNIQUE,             -- nonce of that of the payee, or of the desk
    refund_id text UNIQUE REFERENCES payments.payment,
    asked_at_ms bigint NOT NULL,
    sealed bytea NOT NULL,              -- names, what is said
    changed_at_ms bigint NOT NULL,
    CHECK (payer <> payee),
    CONSTRAINT dispute_held CHECK (held BETWEEN 0 AND amount),
    CONSTRAINT dispute_given CHECK (given BETWEEN 0 AND held),
    CONSTRAINT dispute_authority CHECK (
        state IN ('asked', 'cancelled', 'expired') OR approved_by IS NOT NULL
    ),
    CONSTRAINT dispute_decision CHECK (coalesce(given, 0) = 0 OR decided_by IS NOT NULL),
    CONSTRAINT dispute_outcome CHECK (
        (state IN ('ending', 'closed')) = (given IS NOT NULL AND ended_by IS NOT NULL)
    ),
    -- Never in limbo.
    CONSTRAINT dispute_has_end CHECK (
        due_at_ms IS NOT NULL OR state NOT IN ('asked', 'freezing', 'open', 'at_desk')
    ),
    CONSTRAINT dispute_hold_has_end CHECK (
        hold_ends_at_ms IS NOT NULL OR state NOT IN ('freezing', 'open', 'at_desk', 'ending')
    )
);
-- A payment is disputed once.
CREATE UNIQUE INDEX one_dispute ON payments.dispute (payment_id)
    WHERE state NOT IN ('cancelled', 'expired');
CREATE INDEX dispute_payer ON payments.dispute (payer, id);
CREATE INDEX dispute_payee ON payments.dispute (payee, id);
CREATE INDEX dispute_desk ON payments.dispute (id) WHERE state = 'at_desk';

-- What goes back of a payment by refunds, and what a dispute keeps from them: together never more
-- than was paid. Kept by the database itself, from the rows of both.
CREATE TABLE payments.given_back (
    payment_id text PRIMARY KEY REFERENCES payments.payment,
    captured bigint NOT NULL,
    refunded bigint NOT NULL CHECK (refunded >= 0),
    disputed bigint NOT NULL CHECK (disputed >= 0),
    CONSTRAINT no_over_return CHECK (refunded + disputed <= captured)
);

CREATE FUNCTION payments.count_back(p_payment text, p_refunded bigint, p_disputed bigint)
RETURNS void AS $$
BEGIN
    IF p_refunded = 0 AND p_disputed = 0 THEN
        RETURN;
    END IF;
    INSERT INTO payments.given_back AS g (payment_id, captured, refunded, disputed)
        SELECT id, amount, 0, 0 FROM payments.payment WHERE id = p_payment
        ON CONFLICT (payment_id) DO NOTHING;
    UPDATE payments.given_back SET refunded = refunded + p_refunded,
        disputed = disputed + p_disputed WHERE payment_id = p_payment;
END $$ LANGUAGE plpgsql;

CREATE FUNCTION payments.refund_counts(p payments.payment) RETURNS bigint AS $$
    SELECT CASE WHEN p.kind = 'refund' AND p.state IN ('paying', 'paid') THEN p.amount ELSE 0 END;
$$ LANGUAGE sql IMMUTABLE;

-- While the writer has not said what there is, all that is disputed counts; once a refund of it is
-- on its way, that counts.
CREATE FUNCTION payments.dispute_counts(d payments.dispute) RETURNS bigint AS $$
    SELECT CASE WHEN d.state = 'freezing' THEN d.amount
        WHEN d.state IN ('open', 'at_desk') THEN d.held ELSE 0 END;
$$ LANGUAGE sql IMMUTABLE;

CREATE FUNCTION payments.count_refund() RETURNS trigger AS $$
BEGIN
    PERFORM payments.count_back(NEW.refund_of, payments.refund_counts(NEW)
        - CASE WHEN TG_OP = 'UPDATE' THEN payments.refund_counts(OLD) ELSE 0 END, 0);
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER count_refund AFTER INSERT OR UPDATE OF state ON payments.payment
    FOR EACH ROW WHEN (NEW.kind = 'refund') EXECUTE FUNCTION payments.count_refund();

CREATE FUNCTION payments.count_dispute() RETURNS trigger AS $$
BEGIN
    PERFORM payments.count_back(NEW.payment_id, 0, payments.dispute_counts(NEW)
        - CASE WHEN TG_OP = 'UPDATE' THEN payments.dispute_counts(OLD) ELSE 0 END);
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER count_dispute AFTER INSERT OR UPDATE OF state, held ON payments.dispute
    FOR EACH ROW EXECUTE FUNCTION payments.count_dispute();

INSERT INTO payments.given_back (payment_id, captured, refunded, disputed)
    SELECT p.id, p.amount, sum(r.amount), 0 FROM payments.payment AS r
    JOIN payments.payment AS p ON p.id = r.refund_of
    WHERE r.kind = 'refund' AND r.state IN ('paying', 'paid') GROUP BY p.id, p.amount;
