-- What organisations hear of the mandates that they ask for, and of escrows in which they sell; a
-- debit that guardians are asked about, whose authority is the mandate.

ALTER TABLE payments.event
    ADD COLUMN mandate_id text,
    ADD COLUMN escrow_id text,
    DROP CONSTRAINT event_of_something,
    ADD CONSTRAINT event_of_something
        CHECK (num_nonnulls(invoice_id, payout_id, payment_id, mandate_id, escrow_id) > 0);

ALTER TABLE payments.payment
    DROP CONSTRAINT authority_to_ask_guardians,
    ADD CONSTRAINT authority_to_ask_guardians CHECK (
        state <> 'guarded' OR approved_by IS NOT NULL OR mandate_id IS NOT NULL
    );
