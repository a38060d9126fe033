-- Forgetting what is over, a log of acts that only grows, and whether the homeserver still pushes.

-- What a question showed (payee, amount, words of a person) goes a while after it was closed.
ALTER TABLE runtime.prompt ADD COLUMN is_wiped boolean NOT NULL DEFAULT FALSE;
CREATE INDEX prompt_to_wipe ON runtime.prompt (closed_at_ms)
    WHERE closed_at_ms IS NOT NULL AND NOT is_wiped;
CREATE INDEX prompt_to_forget ON runtime.prompt (closed_at_ms) WHERE is_wiped;
CREATE INDEX prompt_left_open ON runtime.prompt (created_at_ms) WHERE state = 'open';

-- The private part of an act, its opening and salt, may be wiped after years: what is public of it
-- stays, and with it the chain. Nothing else of an act ever changes.
ALTER TABLE runtime.act ALTER COLUMN opening DROP NOT NULL, ALTER COLUMN salt DROP NOT NULL;
CREATE FUNCTION runtime.refuse_change_of_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.opening IS NULL AND NEW.salt IS NULL
        AND (NEW.organisation, NEW.idx, NEW.entry, NEW.inner_part, NEW.prev, NEW.head, NEW.subject)
            = (OLD.organisation, OLD.idx, OLD.entry, OLD.inner_part, OLD.prev, OLD.head,
                OLD.subject)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '%.% is append only', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;
DROP TRIGGER act_append_only ON runtime.act;
CREATE TRIGGER act_append_only BEFORE DELETE OR TRUNCATE ON runtime.act
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();
CREATE TRIGGER act_unchanged BEFORE UPDATE ON runtime.act
    FOR EACH ROW EXECUTE FUNCTION runtime.refuse_change_of_act();
-- How far the openings of each organisation were wiped.
ALTER TABLE runtime.act_head ADD COLUMN wiped_to bigint NOT NULL DEFAULT 0;

-- Where a chain, and the acts on a person, have got to goes forward only.
CREATE TRIGGER act_head_kept BEFORE DELETE OR TRUNCATE ON runtime.act_head
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();
CREATE TRIGGER act_head_forward BEFORE UPDATE ON runtime.act_head FOR EACH ROW
    WHEN (NEW.organisation <> OLD.organisation OR NEW.size < OLD.size
        OR (NEW.size = OLD.size) <> (NEW.head = OLD.head) OR NEW.wiped_to < OLD.wiped_to)
    EXECUTE FUNCTION runtime.refuse_change();
CREATE TRIGGER act_subject_kept BEFORE DELETE OR TRUNCATE ON runtime.act_subject
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();
CREATE TRIGGER act_subject_forward BEFORE UPDATE ON runtime.act_subject FOR EACH ROW
    WHEN (NEW.organisation <> OLD.organisation OR NEW.subject <> OLD.subject
        OR NEW.seq <= OLD.seq OR NEW.commitment = OLD.commitment)
    EXECUTE FUNCTION runtime.refuse_change();

-- When the homeserver last pushed something, and when something was said that it has to push.
CREATE TABLE runtime.heartbeat (
    one boolean PRIMARY KEY DEFAULT TRUE CHECK (one),
    room_id text,                       -- where nobody but the application service itself is
    beat_at_ms bigint NOT NULL DEFAULT 0,
    heard_at_ms bigint NOT NULL DEFAULT 0,
    asked_at_ms bigint                  -- of the first beat that nothing was pushed since
);
INSERT INTO runtime.heartbeat DEFAULT VALUES;
