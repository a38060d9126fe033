-- Bills that several pay together, all or nobody; invoices whose money is shared by several.

-- A bill: each of its shares is a payment of kind `share`, set aside until all are.
CREATE TABLE payments.bill (
    id text PRIMARY KEY,
    organiser bigint NOT NULL REFERENCES payments.holder,   -- who gets the money
    ledger integer NOT NULL REFERENCES payments.currency,
    amount bigint NOT NULL CHECK (amount > 0),              -- of the others' shares together
    state text NOT NULL CHECK (
        state IN ('open', 'posting', 'paid', 'cancelled', 'expired', 'failed')
    ),
    due_at_ms bigint NOT NULL,          -- when all shares have to be set aside
    sealed bytea NOT NULL,              -- who shares what, what for, where it was asked
    asked_at_ms bigint NOT NULL,
    changed_at_ms bigint NOT NULL
);
CREATE INDEX bill_organiser ON payments.bill (organiser, asked_at_ms);

ALTER TABLE payments.payment ADD COLUMN bill_id text REFERENCES payments.bill;
CREATE INDEX payment_of_bill ON payments.payment (bill_id) WHERE bill_id IS NOT NULL;

-- What is added to the kinds and states, to whatever other files let in.
DO $$
DECLARE
    added text[];
    before text;
BEGIN
    FOREACH added SLICE 1 IN ARRAY ARRAY[
        ['payment_kind_check', 'kind = ''share'''],
        ['payment_state_check', 'state IN (''holding'', ''held'')']
    ] LOOP
        SELECT pg_get_expr(conbin, conrelid) INTO STRICT before FROM pg_constraint
        WHERE conrelid = 'payments.payment'::regclass AND conname = added[1];
        EXECUTE format(
            'ALTER TABLE payments.payment DROP CONSTRAINT %I, ADD CONSTRAINT %I CHECK (%s OR %s)',
            added[1], added[1], before, added[2]
        );
    END LOOP;
END $$;

ALTER TABLE payments.payment
    ADD CONSTRAINT share_of_a_bill CHECK ((kind = 'share') = (bill_id IS NOT NULL)),
    -- Nothing is set aside without it either.
    ADD CONSTRAINT authority_to_hold CHECK (
        state NOT IN ('holding', 'held') OR approved_by IS NOT NULL
    );
-- A bill has one share of somebody at a time; who was refused may be asked again.
CREATE UNIQUE INDEX one_live_share ON payments.payment (bill_id, payer)
    WHERE bill_id IS NOT NULL AND state IN (
        'asked', 'cooling', 'guarded', 'holding', 'held', 'paying', 'paid'
    );

-- What of a payment its payee passes on, in the chain that moves it: shares, a fee, a tax. What is
-- not passed on stays with the payee.
CREATE TABLE payments.part (
    payment_id text NOT NULL REFERENCES payments.payment,
    n smallint NOT NULL CHECK (n BETWEEN 1 AND 50),
    payee bigint NOT NULL REFERENCES payments.holder,
    what text NOT NULL CHECK (what IN ('share', 'fee', 'tax')),
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (payment_id, n)
);
CREATE INDEX part_payee ON payments.part (payee);

-- What of a part a refund of the payment takes back.
CREATE TABLE payments.part_back (
    refund_id text NOT NULL REFERENCES payments.payment,
    payment_id text NOT NULL,
    n smallint NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (refund_id, n),
    FOREIGN KEY (payment_id, n) REFERENCES payments.part
);
CREATE INDEX part_back_of ON payments.part_back (payment_id, n);
