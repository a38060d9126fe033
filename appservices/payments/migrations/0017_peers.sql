-- Payments between institutions. Of another institution there are two accounts a currency: what we
-- owe it and what it owes us, each bounded by its allowance. Persons who have their accounts there
-- are holders too, who have none here.

DO $$
DECLARE
    before text;
BEGIN
    SELECT pg_get_expr(conbin, conrelid) INTO STRICT before FROM pg_constraint
    WHERE conrelid = 'payments.holder'::regclass AND conname = 'holder_kind_check';
    EXECUTE format(
        'ALTER TABLE payments.holder DROP CONSTRAINT holder_kind_check,'
        ' ADD CONSTRAINT holder_kind_check CHECK (%s OR kind IN (''peer'', ''abroad''))', before
    );
END $$;

-- What we pay to others. Its id is that of the payment, and of the packet at both sides.
CREATE TABLE payments.peer_out (
    id text PRIMARY KEY REFERENCES payments.payment,
    peer bigint NOT NULL REFERENCES payments.holder,
    state text NOT NULL CHECK (state IN (
        'preparing', 'agreed', 'committing', 'done', 'refused', 'cancelling', 'cancelled'
    )),
    ledger integer NOT NULL REFERENCES payments.currency,
    amount bigint NOT NULL CHECK (amount > 0),
    expires_at_ms bigint NOT NULL,      -- until when the peer is asked whether it takes it
    sealed bytea,                       -- what the peer signed: its yes or no, then its receipt
    asked_at_ms bigint NOT NULL,
    changed_at_ms bigint NOT NULL,
    -- The peer's word is kept as long as what it said is of weight.
    CONSTRAINT peer_agreed CHECK (state NOT IN ('committing', 'done') OR sealed IS NOT NULL)
);
CREATE INDEX peer_out_open ON payments.peer_out (peer, ledger, id)
    WHERE state NOT IN ('done', 'refused', 'cancelled');

-- What others pay us.
CREATE TABLE payments.peer_in (
    id text PRIMARY KEY,
    peer bigint NOT NULL REFERENCES payments.holder,
    state text NOT NULL CHECK (state IN (
        'holding', 'ready', 'refused', 'posting', 'done', 'voiding', 'cancelled', 'stuck'
    )),
    ledger integer REFERENCES payments.currency,    -- none of what was cancelled before it came
    amount bigint CHECK (amount > 0),
    payee bigint REFERENCES payments.holder,
    sha256 bytea CHECK (length(sha256) = 32),       -- of the packet
    sealed bytea,                       -- what the peer signed: to prepare, then to commit
    why text,                           -- code, where it is refused
    came_at_ms bigint NOT NULL,
    changed_at_ms bigint NOT NULL,
    CONSTRAINT peer_packet CHECK (
        state IN ('refused', 'cancelled')
        OR num_nulls(ledger, amount, payee, sha256, sealed) = 0
    ),
    CHECK ((state = 'refused') = (why IS NOT NULL))
);
CREATE INDEX peer_in_open ON payments.peer_in (peer, ledger, id)
    WHERE state NOT IN ('done', 'refused', 'cancelled');

-- What a state has been left for is never come back to, whatever the service does.
CREATE FUNCTION payments.peer_end_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment % between institutions is % already', OLD.id, OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'peer_end_stays';
END $$;
CREATE TRIGGER peer_out_end_stays BEFORE UPDATE OF state ON payments.peer_out
    FOR EACH ROW WHEN (
        NEW.state <> OLD.state AND (
            OLD.state IN ('done', 'refused', 'cancelled')
            OR OLD.state = 'committing' AND NEW.state <> 'done'
        )
    ) EXECUTE FUNCTION payments.peer_end_stays();
CREATE TRIGGER peer_in_end_stays BEFORE UPDATE OF state ON payments.peer_in
    FOR EACH ROW WHEN (
        NEW.state <> OLD.state AND (
            OLD.state IN ('done', 'refused', 'cancelled')
            OR OLD.state = 'posting' AND NEW.state NOT IN ('done', 'stuck')
        )
    ) EXECUTE FUNCTION payments.peer_end_stays();

-- Where a peer's word contradicts what it said before: what it signed is kept, sealed.
CREATE TABLE payments.peer_fault (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    peer bigint NOT NULL REFERENCES payments.holder,
    what text NOT NULL,
    about text NOT NULL,                -- id of the payment, or what else
    sealed bytea NOT NULL,
    at_ms bigint NOT NULL,
    settled_at_ms bigint,               -- when an operator looked at it
    UNIQUE (peer, what, about)
);

-- What was compared with a peer last, in each currency.
CREATE TABLE payments.peer_check (
    peer bigint NOT NULL REFERENCES payments.holder,
    ledger integer NOT NULL REFERENCES payments.currency,
    at_ms bigint NOT NULL,
    ours bigint NOT NULL,               -- by how much we moved more than it knows, unexplained
    theirs bigint NOT NULL,
    since_ms bigint,                    -- since when they differ
    PRIMARY KEY (peer, ledger)
);

-- The last head of a peer's ledger that we have seen to begin with the one before, and signed too.
CREATE TABLE payments.peer_head (
    peer bigint PRIMARY KEY REFERENCES payments.holder,
    size bigint NOT NULL CHECK (size > 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    note text NOT NULL,
    at_ms bigint NOT NULL
);

-- What was settled with a peer, by an operator's order: set off, or moved by a bank.
CREATE TABLE payments.peer_settlement (
    id text PRIMARY KEY,
    peer bigint NOT NULL REFERENCES payments.holder,
    kind text NOT NULL CHECK (kind IN ('paid', 'received', 'netted')),
    ledger integer NOT NULL REFERENCES payments.currency,
    amount bigint NOT NULL CHECK (amount > 0),
    reference text NOT NULL,            -- of the bank's statement
    state text NOT NULL CHECK (state IN ('ordered', 'booked', 'refused')),
    at_ms bigint NOT NULL
);
CREATE INDEX peer_settlement_of ON payments.peer_settlement (peer, id);
