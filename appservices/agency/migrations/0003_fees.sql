-- Fees of cases, paid at an institution that is asked over HTTP.

-- The invoices of cases.
CREATE TABLE agency.fee (
    case_id text NOT NULL REFERENCES agency.case_file,
    number integer NOT NULL CHECK (number >= 1),    -- which fee of the case
    invoice_id text NOT NULL UNIQUE,
    PRIMARY KEY (case_id, number)
);

-- Up to which event of their institution each organisation has heard.
CREATE TABLE agency.payment_cursor (
    organisation text PRIMARY KEY,
    cursor bigint NOT NULL DEFAULT 0 CHECK (cursor >= 0)
);
