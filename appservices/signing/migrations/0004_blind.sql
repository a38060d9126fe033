-- Documents that the service never sees. Their browsers encrypt them with keys that are not here:
-- what is kept is ciphertext, digests, sizes, accounts; a title is the digest of a salt and it.

ALTER TABLE signing.session
    ADD COLUMN mode text NOT NULL DEFAULT 'assisted' CHECK (mode IN ('assisted', 'blind')),
    ADD COLUMN title_sha256 bytea CHECK (length(title_sha256) = 32),
    ADD CONSTRAINT session_titled CHECK ((mode = 'blind') = (title_sha256 IS NOT NULL));

ALTER TABLE signing.blob DROP CONSTRAINT blob_kind_check;
ALTER TABLE signing.blob ADD CONSTRAINT blob_kind_check
    CHECK (kind IN ('upload', 'document', 'evidence', 'matter'));

-- Once it is sent, nothing that was shown to the signers changes; nor who sees the document.
CREATE FUNCTION signing.refuse_other_mode() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'signing.session: who sees a document does not change, nor its title';
END
$$;
CREATE TRIGGER session_mode BEFORE UPDATE ON signing.session FOR EACH ROW
    WHEN ((NEW.mode, NEW.title_sha256) IS DISTINCT FROM (OLD.mode, OLD.title_sha256))
    EXECUTE FUNCTION signing.refuse_other_mode();
