-- compat: 12
-- What a key has signed is kept sealed under the operator's key: it has titles of documents, clauses
-- and names. What an earlier release has kept in clear is sealed by housekeeping, some rows at a time;
-- no table is written anew here. Code that does not know the column must not run: it would find no
-- evidence of what is approved from now on.
ALTER TABLE runtime.approval ADD COLUMN sealed bytea;
ALTER TABLE runtime.approval ALTER COLUMN signed DROP NOT NULL;
ALTER TABLE runtime.approval ADD CONSTRAINT approval_is_whole
    CHECK ((signed IS NULL) <> (sealed IS NULL)) NOT VALID;
CREATE INDEX approval_in_clear ON runtime.approval (nonce) WHERE signed IS NOT NULL;

-- Evidence is never changed; only what was kept in clear can be sealed, once, and nothing else of it.
CREATE FUNCTION runtime.refuse_other_than_sealing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.sealed IS NOT NULL OR NEW.sealed IS NULL OR NEW.signed IS NOT NULL
        OR (OLD.nonce, OLD.person, OLD.kind, OLD.means, OLD.key_id, OLD.proof::text, OLD.event_id,
            OLD.at_ms, OLD.minor, OLD.currency)
        IS DISTINCT FROM (NEW.nonce, NEW.person, NEW.kind, NEW.means, NEW.key_id, NEW.proof::text,
            NEW.event_id, NEW.at_ms, NEW.minor, NEW.currency)
    THEN
        RAISE EXCEPTION 'runtime.approval is append only';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER approval_append_only ON runtime.approval;
CREATE TRIGGER approval_append_only BEFORE DELETE OR TRUNCATE ON runtime.approval
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();
CREATE TRIGGER approval_is_sealed_at_most BEFORE UPDATE ON runtime.approval
    FOR EACH ROW EXECUTE FUNCTION runtime.refuse_other_than_sealing();
