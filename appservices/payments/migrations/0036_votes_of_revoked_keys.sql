-- What somebody has decided of an escrow stays, unless the key that approved it was revoked before
-- anything came of it: then they decide anew.
CREATE OR REPLACE FUNCTION payments.keep_vote() RETURNS trigger AS $$
BEGIN
    IF OLD.approved_by IS NOT NULL AND NOT EXISTS (
        SELECT FROM runtime.approval AS a JOIN runtime.device_key AS k USING (key_id)
        WHERE a.nonce = OLD.approved_by AND k.revoked_at_ms IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'this vote is given' USING ERRCODE = 'VP001';
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
