-- Money that a buyer puts aside for a deal: k of n decide whom it goes to, or a date does. What is
-- open always has an owner and an end. What has been released is a payment of its own.

ALTER TABLE payments.payment
    DROP CONSTRAINT payment_kind_check,
    ADD CONSTRAINT payment_kind_check
        CHECK (kind IN ('pay', 'invoice', 'refund', 'mandate', 'payout', 'issue', 'escrow'));

CREATE TABLE payments.escrow (
    id text PRIMARY KEY,
    state text NOT NULL CHECK (state IN (
        'proposed', 'agreed', 'cooling', 'funding', 'funded', 'ending', 'released', 'returned',
        'shared', 'declined', 'cancelled', 'expired', 'refused'
    )),
    buyer bigint NOT NULL REFERENCES payments.holder,
    seller bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    amount bigint NOT NULL CHECK (amount > 0),
    k smallint NOT NULL,
    n smallint NOT NULL CHECK (n BETWEEN 2 AND 9),
    on_silence text NOT NULL CHECK (on_silence IN ('release', 'return')),
    ends_at_ms bigint NOT NULL,         -- what nobody has decided by then, `on_silence` decides
    asked_at_ms bigint NOT NULL,
    due_at_ms bigint,                   -- when the state ends by itself
    approved_by text UNIQUE,            -- nonce of the buyer's approval, runtime.approval
    funded_at_ms bigint,
    to_seller bigint,                   -- what was decided
    payment_id text UNIQUE REFERENCES payments.payment,
    why text,                           -- code, where it is refused
    sealed bytea NOT NULL,              -- names, what for
    changed_at_ms bigint NOT NULL,
    CHECK (buyer <> seller),
    -- Not enough for two outcomes, and nobody decides alone.
    CONSTRAINT escrow_majority CHECK (k BETWEEN 2 AND n AND 2 * k > n),
    CONSTRAINT escrow_parts CHECK (to_seller BETWEEN 0 AND amount),
    CONSTRAINT escrow_authority CHECK (
        state NOT IN ('cooling', 'funding', 'funded', 'ending', 'released', 'returned', 'shared')
        OR approved_by IS NOT NULL
    ),
    -- Never in limbo.
    CONSTRAINT escrow_has_end CHECK (
        due_at_ms IS NOT NULL OR state NOT IN ('proposed', 'agreed', 'cooling', 'funding', 'funded')
    ),
    CONSTRAINT escrow_outcome CHECK (CASE state
        WHEN 'ending' THEN to_seller IS NOT NULL
        WHEN 'released' THEN to_seller = amount
        WHEN 'returned' THEN to_seller = 0
        WHEN 'shared' THEN to_seller > 0 AND to_seller < amount
        ELSE to_seller IS NULL
    END),
    CONSTRAINT escrow_life CHECK (
        ends_at_ms > asked_at_ms AND ends_at_ms - asked_at_ms <= 76 * 86400000::bigint
    ),
    CHECK ((state = 'refused') = (why IS NOT NULL))
);
CREATE INDEX escrow_buyer ON payments.escrow (buyer, id);

-- Who takes part; what each of them decides, once, with their own approval.
CREATE TABLE payments.escrow_party (
    escrow_id text NOT NULL REFERENCES payments.escrow,
    holder bigint NOT NULL REFERENCES payments.holder,
    role text NOT NULL CHECK (role IN ('buyer', 'seller', 'arbiter')),
    place smallint NOT NULL CHECK (place BETWEEN 0 AND 8),
    has_agreed boolean NOT NULL,
    to_seller bigint CHECK (to_seller >= 0),
    approved_by text UNIQUE,
    voted_at_ms bigint,
    PRIMARY KEY (escrow_id, holder),
    UNIQUE (escrow_id, place),
    CONSTRAINT escrow_evidence CHECK (
        (to_seller IS NULL) = (approved_by IS NULL)
        AND (to_seller IS NULL) = (voted_at_ms IS NULL)
    )
);
CREATE INDEX escrow_of_party ON payments.escrow_party (holder, escrow_id);

-- Once it counts, what somebody has decided is not changed or taken away.
CREATE FUNCTION payments.keep_vote() RETURNS trigger AS $$
BEGIN
    IF OLD.approved_by IS NOT NULL THEN
        RAISE EXCEPTION 'this vote is given' USING ERRCODE = 'VP001';
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER keep_vote BEFORE UPDATE ON payments.escrow_party
    FOR EACH ROW EXECUTE FUNCTION payments.keep_vote();
