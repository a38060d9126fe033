-- Banks: orders to them, what they tell, and what is expected. A line of a bank's account counts
-- once, by its key; names and accounts of others are sealed.

CREATE TABLE payments.bank (
    name text PRIMARY KEY,              -- as in the configuration
    account text NOT NULL,              -- ours there
    ledger integer NOT NULL,
    cursor text NOT NULL DEFAULT '',    -- what was fetched up to, kept with what it brought
    has_opening boolean NOT NULL DEFAULT FALSE,
    stopped_at_ms bigint                -- a day's end left something unexplained: nothing is paid out
);

CREATE TABLE payments.bank_file (
    id text PRIMARY KEY,                -- its MsgId, for ever: it is never sent under another
    bank text NOT NULL REFERENCES payments.bank,
    name text NOT NULL,
    sha256 text NOT NULL,
    sealed bytea NOT NULL,
    at_ms bigint NOT NULL,
    is_taken boolean NOT NULL DEFAULT FALSE
);

CREATE TABLE payments.bank_order (
    id text PRIMARY KEY,
    bank text NOT NULL REFERENCES payments.bank,
    kind text NOT NULL CHECK (kind IN ('payout', 'collect')),
    state text NOT NULL CHECK (state IN (
        'queued', 'filed', 'sent', 'asked', 'settled', 'booked', 'rejected', 'returned', 'conflict'
    )),
    is_held boolean NOT NULL,           -- the ledger has its hold; a collection has none
    account bigint NOT NULL,            -- who pays, or who is paid, in the ledger
    amount bigint NOT NULL CHECK (amount > 0),
    sealed bytea NOT NULL,
    file text REFERENCES payments.bank_file,
    days smallint NOT NULL DEFAULT 0,   -- banking days since it was sent
    code text NOT NULL DEFAULT '',      -- the bank's word for why not
    changed_at_ms bigint NOT NULL,
    CONSTRAINT filed_with_a_hold CHECK (state = 'queued' OR is_held),
    CONSTRAINT filed_in_a_file CHECK ((state = 'queued') = (file IS NULL))
);
CREATE INDEX bank_order_queued ON payments.bank_order (bank, id) WHERE state = 'queued' AND is_held;
CREATE INDEX bank_order_of_file ON payments.bank_order (file);
CREATE INDEX bank_order_sent ON payments.bank_order (bank) WHERE state = 'sent';

CREATE TABLE payments.bank_line (
    bank text NOT NULL REFERENCES payments.bank,
    key text NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    signed_minor bigint NOT NULL CHECK (signed_minor <> 0),
    booked_on date NOT NULL,
    state text NOT NULL CHECK (state IN ('moving', 'posted', 'suspense')),
    order_id text,
    expected_id text,                   -- what it came for, if it was expected
    sealed bytea NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (bank, key)
);
CREATE INDEX bank_line_open ON payments.bank_line (bank) WHERE state <> 'posted';
CREATE INDEX bank_line_day ON payments.bank_line (bank, booked_on);

-- What a line may come for: a reference or a virtual account leads to an account of the ledger.
CREATE TABLE payments.bank_expected (
    id text PRIMARY KEY,
    bank text NOT NULL REFERENCES payments.bank,
    account bigint NOT NULL,
    amount bigint CHECK (amount > 0),   -- NULL: any, any number of times
    reference text UNIQUE,
    virtual_account text UNIQUE,
    is_open boolean NOT NULL DEFAULT TRUE,
    since_ms bigint NOT NULL,
    CONSTRAINT found_by_something CHECK (reference IS NOT NULL OR virtual_account IS NOT NULL)
);

CREATE TABLE payments.bank_day (
    bank text NOT NULL REFERENCES payments.bank,
    day date NOT NULL,
    closing_minor bigint NOT NULL,
    difference_minor bigint NOT NULL,   -- what ledger and lines on their way do not explain
    at_ms bigint NOT NULL,
    PRIMARY KEY (bank, day)
);

-- What could not be read, or says two things.
CREATE TABLE payments.bank_alarm (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bank text NOT NULL REFERENCES payments.bank,
    about text NOT NULL,                -- order, line, day or file
    problem text NOT NULL,
    at_ms bigint NOT NULL
);
