-- Credit notes: what is taken back of a tax invoice, one for each refund, numbered as they are made.

CREATE TABLE payments.credit_note (
    payment_id text PRIMARY KEY REFERENCES payments.payment,    -- the refund
    paid_by text NOT NULL REFERENCES payments.payment,          -- the payment that is given back
    n integer NOT NULL CHECK (n > 0),
    sealed bytea NOT NULL,                                      -- lines with their taxes
    made_at_ms bigint NOT NULL,
    UNIQUE (paid_by, n)
);
CREATE FUNCTION payments.credit_note_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a credit note stays as it was made'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_note_stays';
END $$;
CREATE TRIGGER credit_note_stays BEFORE UPDATE OR DELETE ON payments.credit_note
    FOR EACH ROW EXECUTE FUNCTION payments.credit_note_stays();
