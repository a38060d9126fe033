-- What organisations hear and do over HTTP.

-- How many events each has: its row is locked while one is added, so that they are counted without a
-- gap in the order in which they are seen.
CREATE TABLE payments.event_count (
    holder bigint PRIMARY KEY REFERENCES payments.holder,
    n bigint NOT NULL CHECK (n >= 1)
);

CREATE TABLE payments.event (
    holder bigint NOT NULL REFERENCES payments.holder,
    n bigint NOT NULL CHECK (n >= 1),
    type text NOT NULL,
    invoice_id text NOT NULL,
    payment_id text,
    ours text NOT NULL,                 -- what the organisation knows the invoice by
    at_ms bigint NOT NULL,
    PRIMARY KEY (holder, n)
);
CREATE INDEX event_age ON payments.event (at_ms);

-- By which reference an invoice is paid; why it was taken back.
CREATE TABLE payments.invoice_reference (
    reference text PRIMARY KEY,
    invoice_id text NOT NULL UNIQUE,
    withdrawn bytea                     -- sealed
);
