-- People call a payment by the end of its id. A number that somebody else chose is taken if any payment,
-- or dispute, has it already, so that two never answer to one.
CREATE INDEX payment_number ON payments.payment (right(id, 8));
CREATE INDEX dispute_number ON payments.dispute (right(id, 8));
