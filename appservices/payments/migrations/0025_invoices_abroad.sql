-- Invoices to people of other institutions: they are taken by a packet before it is a payment here.

ALTER TABLE payments.invoice DROP CONSTRAINT invoice_paid_by_fkey;
CREATE FUNCTION payments.invoice_payer_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments.payment WHERE id = NEW.paid_by)
        AND NOT EXISTS (SELECT FROM payments.peer_in WHERE id = NEW.paid_by)
    THEN
        RAISE EXCEPTION 'there is no payment or packet %', NEW.paid_by
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'invoice_payer_is_there';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_payer_is_there BEFORE INSERT OR UPDATE OF paid_by ON payments.invoice
    FOR EACH ROW WHEN (NEW.paid_by IS NOT NULL)
    EXECUTE FUNCTION payments.invoice_payer_is_there();

-- What an organisation gives back by its own order waits for another institution as what a person
-- approved does.
ALTER TABLE payments.payment
    DROP CONSTRAINT authority_to_hold,
    ADD CONSTRAINT authority_to_hold CHECK (
        state NOT IN ('holding', 'held') OR approved_by IS NOT NULL
        OR (kind = 'refund' AND instruction IS NOT NULL)
    );
