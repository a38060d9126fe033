-- Payouts in bulk: an organisation's signed instruction to pay many persons.
--
-- The whole sum is set aside first, in an account of the organisation's own that cannot be
-- overdrawn; each line is then a payment from there, and what is left goes back. `gone` counts
-- both, so that no line is paid from what was given back, whatever a service does.

CREATE TABLE payments.payout (
    id text PRIMARY KEY,
    payer bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    ours text NOT NULL,
    state text NOT NULL CHECK (state IN (
        'waiting', 'holding', 'paying', 'stopping', 'returning', 'done', 'stopped', 'refused'
    )),
    total bigint NOT NULL CHECK (total > 0),
    lines integer NOT NULL CHECK (lines BETWEEN 1 AND 10000),
    gone bigint NOT NULL DEFAULT 0,
    instruction bytea NOT NULL,         -- as it was signed, sealed: the evidence
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    made_by text NOT NULL,              -- mark of the key
    approved_by text,                   -- mark of another key
    approval bytea,                     -- as it was signed, sealed
    made_at_ms bigint NOT NULL,
    changed_at_ms bigint NOT NULL,
    -- The organisation's own number: an instruction that is sent again moves nothing again.
    CONSTRAINT payout_once UNIQUE (payer, ours),
    CONSTRAINT payout_two_persons CHECK (approved_by IS NULL OR approved_by <> made_by),
    CONSTRAINT payout_total CHECK (gone BETWEEN 0 AND total)
);
CREATE INDEX payout_of ON payments.payout (payer, id);

CREATE TABLE payments.payout_line (
    payout_id text NOT NULL REFERENCES payments.payout,
    n integer NOT NULL CHECK (n >= 1),
    ours text NOT NULL,
    state text NOT NULL CHECK (
        state IN ('queued', 'paying', 'paid', 'failed', 'returned', 'stopped')
    ),
    amount bigint NOT NULL CHECK (amount > 0),
    sealed bytea NOT NULL,              -- who is paid, what for
    payment_id text UNIQUE REFERENCES payments.payment,
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    why text,
    changed_at_ms bigint NOT NULL,
    PRIMARY KEY (payout_id, n),
    UNIQUE (payout_id, ours),
    CHECK (state NOT IN ('paying', 'paid', 'returned') OR payment_id IS NOT NULL),
    CHECK ((state = 'failed') = (why IS NOT NULL) OR state = 'returned')
);
CREATE INDEX payout_line_state ON payments.payout_line (payout_id, state, n);

-- Events are of payouts too.
ALTER TABLE payments.event
    ALTER COLUMN invoice_id DROP NOT NULL,
    ADD COLUMN payout_id text,
    ADD CONSTRAINT event_of_something
        CHECK (num_nonnulls(invoice_id, payout_id, payment_id) > 0);

-- What an organisation gives back of a payment, and why; the payment itself is payments.payment.
CREATE TABLE payments.api_refund (
    payment_id text PRIMARY KEY REFERENCES payments.payment,
    invoice_id text NOT NULL,
    ours text NOT NULL,
    reason bytea NOT NULL,              -- sealed
    sha256 bytea NOT NULL               -- of the request that ordered it
);
CREATE INDEX api_refund_invoice ON payments.api_refund (invoice_id, payment_id);
