-- What organisations hear of, found by theirs alone: whose an event is stands in it, and what became
-- of the rows of their batches is one too. What persons ask for is theirs to look at in their chat.
-- A million events take some ten seconds, on a slow disk a minute.
SET LOCAL statement_timeout = 0;

ALTER TABLE signing.event
    ADD COLUMN requester text,          -- the id of an organisation; NULL: a person asked for it
    ADD COLUMN batch_id text REFERENCES signing.batch,
    ADD COLUMN batch_row integer,
    ALTER COLUMN session_id DROP NOT NULL,
    ADD CONSTRAINT event_of_something CHECK (num_nonnulls(session_id, batch_id) > 0),
    ADD CONSTRAINT event_of_a_row CHECK ((batch_id IS NULL) = (batch_row IS NULL));

ALTER TABLE signing.event DISABLE TRIGGER event_only_grows;
UPDATE signing.event AS e SET requester = s.requester FROM signing.session AS s
    WHERE s.id = e.session_id AND s.requester NOT LIKE '@%';
ALTER TABLE signing.event ENABLE TRIGGER event_only_grows;

-- By the database, since the release before this one adds events too.
CREATE FUNCTION signing.name_requester() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.requester IS NULL THEN
        SELECT s.requester INTO NEW.requester FROM signing.session AS s
            WHERE s.id = NEW.session_id AND s.requester NOT LIKE '@%';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER event_names_requester BEFORE INSERT ON signing.event
    FOR EACH ROW EXECUTE FUNCTION signing.name_requester();
CREATE INDEX event_of_requester ON signing.event (requester, n) WHERE requester IS NOT NULL;
