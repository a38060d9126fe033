-- What an operator decided about lines of banks that nobody could tell what they are for.

-- Evidence: what was decided, why and by whom is kept, also what was refused.
CREATE TABLE payments.suspense_order (
    id text PRIMARY KEY,                -- also of the order to the bank by which a line goes back
    bank text NOT NULL,
    line text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('assign', 'return', 'match')),
    state text NOT NULL CHECK (state IN ('ordered', 'done', 'refused')),
    account bigint,                     -- who gets it, in the ledger
    expected_id text,                   -- what it came for, if it was expected
    sealed bytea NOT NULL,              -- why, by whom, and for whom as it was typed
    at_ms bigint NOT NULL,
    ended_at_ms bigint,
    FOREIGN KEY (bank, line) REFERENCES payments.bank_line (bank, key),
    CONSTRAINT assigned_to_somebody CHECK ((kind = 'assign') = (account IS NOT NULL)),
    CONSTRAINT ended_at_a_moment CHECK ((state = 'ordered') = (ended_at_ms IS NULL))
);
-- A line is decided about once, unless that could not be done.
CREATE UNIQUE INDEX suspense_order_of_line ON payments.suspense_order (bank, line)
    WHERE state <> 'refused';
