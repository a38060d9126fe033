-- What organisations have sealed. It only grows: who has the database can add a line, and cannot
-- take one away unseen by the triggers.
CREATE TABLE signing.seal (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation text NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 64),
    at_ms bigint NOT NULL
);
CREATE INDEX seal_digest ON signing.seal (digest);

CREATE FUNCTION signing.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'signing.% only grows', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER seal_only_grows BEFORE UPDATE OR DELETE ON signing.seal
    FOR EACH ROW EXECUTE FUNCTION signing.refuse_change();
CREATE TRIGGER seal_is_not_emptied BEFORE TRUNCATE ON signing.seal
    FOR EACH STATEMENT EXECUTE FUNCTION signing.refuse_change();
