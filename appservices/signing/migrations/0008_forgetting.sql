-- What signers have added to a document that only browsers can read is ciphertext, which is deleted
-- with the document's once that is due; that they did, and its digests, stay.
CREATE FUNCTION signing.refuse_all_but_emptying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.increment = '' AND
        (NEW.session_id, NEW.number, NEW.party, NEW.previous_sha256, NEW.sha256, NEW.size, NEW.at_ms)
        IS NOT DISTINCT FROM
        (OLD.session_id, OLD.number, OLD.party, OLD.previous_sha256, OLD.sha256, OLD.size, OLD.at_ms)
        AND EXISTS (
            SELECT 1 FROM signing.session
            WHERE id = OLD.session_id AND mode = 'blind' AND closed_at_ms IS NOT NULL
        )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'signing.% only grows', TG_TABLE_NAME;
END
$$;
DROP TRIGGER revision_only_grows ON signing.revision;
CREATE TRIGGER revision_only_grows BEFORE UPDATE OR DELETE ON signing.revision
    FOR EACH ROW EXECUTE FUNCTION signing.refuse_all_but_emptying();
CREATE INDEX session_blind_closed ON signing.session (closed_at_ms)
    WHERE mode = 'blind' AND closed_at_ms IS NOT NULL;
