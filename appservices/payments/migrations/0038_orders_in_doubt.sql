-- After a restored backup an order that waits for its file may have gone out already: it is in doubt
-- without a file, until an operator has asked the bank.
ALTER TABLE payments.bank_order
    DROP CONSTRAINT filed_in_a_file,
    DROP CONSTRAINT filed_with_a_hold,
    ADD CONSTRAINT filed_in_a_file CHECK (state <> 'queued' OR file IS NULL),
    ADD CONSTRAINT filed_with_a_hold CHECK (state IN ('queued', 'asked') OR is_held);
