-- Payouts to accounts at banks are payments too: the same question, approval, limits and waits. Who
-- is paid is found by the mark of the account's number; the order to the bank has the payment's id.

ALTER TABLE payments.holder
    DROP CONSTRAINT holder_kind_check,
    ADD CONSTRAINT holder_kind_check
        CHECK (kind IN ('institution', 'person', 'organisation', 'elsewhere'));

ALTER TABLE payments.payment
    DROP CONSTRAINT payment_kind_check,
    ADD CONSTRAINT payment_kind_check
        CHECK (kind IN ('pay', 'invoice', 'refund', 'mandate', 'payout', 'issue')),
    DROP CONSTRAINT payment_state_check,
    ADD CONSTRAINT payment_state_check CHECK (state IN (
        'asked', 'cooling', 'paying', 'paid', 'returned', 'refused', 'cancelled', 'expired'
    )),
    ADD CONSTRAINT only_banks_give_back CHECK (state <> 'returned' OR kind = 'payout');
