-- Guardians are asked about escrows, too, before their money is set aside.

DO $$
DECLARE
    before text;
BEGIN
    SELECT pg_get_expr(conbin, conrelid) INTO STRICT before FROM pg_constraint
    WHERE conrelid = 'payments.escrow'::regclass AND conname = 'escrow_state_check';
    EXECUTE format(
        'ALTER TABLE payments.escrow DROP CONSTRAINT escrow_state_check,'
        ' ADD CONSTRAINT escrow_state_check CHECK (%s OR state = ''guarded'')', before
    );
END $$;
ALTER TABLE payments.escrow ADD CONSTRAINT escrow_asks_guardians CHECK (
    state <> 'guarded' OR (approved_by IS NOT NULL AND due_at_ms IS NOT NULL)
);

-- What is guarded is a payment, or an escrow.
ALTER TABLE payments.guarded DROP CONSTRAINT guarded_payment_id_fkey;
CREATE FUNCTION payments.guarded_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments.payment WHERE id = NEW.payment_id)
        AND NOT EXISTS (SELECT FROM payments.escrow WHERE id = NEW.payment_id)
    THEN
        RAISE EXCEPTION 'there is no payment or escrow %', NEW.payment_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'guarded_is_there';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guarded_is_there BEFORE INSERT OR UPDATE ON payments.guarded
    FOR EACH ROW EXECUTE FUNCTION payments.guarded_is_there();

CREATE TRIGGER guardians_approved BEFORE UPDATE OF state ON payments.escrow
    FOR EACH ROW WHEN (NEW.state = 'funding' AND NEW.state <> OLD.state)
    EXECUTE FUNCTION payments.guardians_approved();
