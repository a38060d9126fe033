-- What is kept of a closed document is deleted once that is due, whoever could read it; that people
-- signed, and all digests, stay.
CREATE OR REPLACE FUNCTION signing.refuse_all_but_emptying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.increment = '' AND
        (NEW.session_id, NEW.number, NEW.party, NEW.previous_sha256, NEW.sha256, NEW.size, NEW.at_ms)
        IS NOT DISTINCT FROM
        (OLD.session_id, OLD.number, OLD.party, OLD.previous_sha256, OLD.sha256, OLD.size, OLD.at_ms)
        AND EXISTS (
            SELECT 1 FROM signing.session WHERE id = OLD.session_id AND closed_at_ms IS NOT NULL
        )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'signing.% only grows', TG_TABLE_NAME;
END
$$;
CREATE INDEX session_closed ON signing.session (mode, closed_at_ms) WHERE closed_at_ms IS NOT NULL;
DROP INDEX signing.session_blind_closed;
