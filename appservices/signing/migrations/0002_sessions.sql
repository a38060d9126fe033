-- Sessions in which persons sign a document.
--
-- Titles, names, reasons and the keys of files are sealed under the operator's key; files and
-- increments are ciphertext whose key is in the session's sealed part. So a dump of this schema
-- tells who signed when, by account and digest, and nothing of what.

CREATE TABLE signing.chat (
    room_id text PRIMARY KEY,
    person text NOT NULL,
    is_greeted boolean NOT NULL DEFAULT FALSE,
    since_ms bigint NOT NULL
);
CREATE INDEX chat_of ON signing.chat (person, since_ms);

CREATE TABLE signing.session (
    id text PRIMARY KEY CHECK (id ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    state text NOT NULL CHECK (state IN (
        'draft', 'open', 'sealing', 'completed', 'declined', 'expired', 'cancelled'
    )),
    requester text NOT NULL,            -- a Matrix user id, or the id of an organisation
    room_id text,                       -- where the requester is told; none: over HTTP alone
    effect text NOT NULL CHECK (effect IN ('when_complete', 'each')),
    level_min text NOT NULL CHECK (level_min IN ('S0', 'S1', 'S2')),
    may_delegate boolean NOT NULL,
    stages jsonb NOT NULL,              -- [{"need": 2 | null, "parties": ["p1", "p2"]}]
    sealed bytea NOT NULL,              -- title, name of the file, clauses, key of the files
    document_sha256 bytea CHECK (length(document_sha256) = 32),
    size integer,
    pages integer,
    blob_sha256 bytea,                  -- of the ciphertext of the document
    revision integer NOT NULL DEFAULT 0,
    head_sha256 bytea,                  -- of the file with all revisions
    final_sha256 bytea,                 -- of the closed file
    evidence_sha256 bytea,
    deadline_at_ms bigint NOT NULL,
    made_at_ms bigint NOT NULL,
    sent_at_ms bigint,
    ended_at_ms bigint,
    closed_at_ms bigint,                -- file closed, judged and handed out
    caller_key text,                    -- Idempotency-Key of an organisation
    caller_sha256 bytea,
    CONSTRAINT session_once UNIQUE (requester, caller_key),
    CONSTRAINT session_frozen CHECK (state IN ('draft', 'cancelled') OR (
        document_sha256 IS NOT NULL AND size IS NOT NULL AND pages IS NOT NULL
        AND blob_sha256 IS NOT NULL AND head_sha256 IS NOT NULL
    )),
    CONSTRAINT session_ended CHECK (
        (state IN ('completed', 'declined', 'expired', 'cancelled')) = (ended_at_ms IS NOT NULL)
    )
);
CREATE INDEX session_of ON signing.session (requester, made_at_ms);
CREATE INDEX session_final ON signing.session (final_sha256);

CREATE TABLE signing.party (
    session_id text NOT NULL REFERENCES signing.session ON DELETE CASCADE,
    id text NOT NULL CHECK (id ~ '^p[1-9][0-9]{0,2}$'),
    place integer NOT NULL,
    person text NOT NULL,               -- a Matrix user id; of a seal: the organisation's id
    role text NOT NULL CHECK (role IN (
        'signer', 'clerk', 'seal', 'approver', 'witness', 'viewer'
    )),
    state text NOT NULL CHECK (state IN (
        'waiting', 'invited', 'viewed', 'signed', 'declined', 'delegated', 'lapsed', 'excused'
    )),
    witness_of text NOT NULL DEFAULT '',
    field text,                         -- name of the box; none: has none
    level_min text NOT NULL CHECK (level_min IN ('S0', 'S1', 'S2')),
    sealed bytea NOT NULL,              -- name, office, reason of a refusal
    deadline_at_ms bigint,
    delegated_to text,                  -- id of the party who acts instead
    room_id text,                       -- where they are asked
    card text,                          -- effect id of their card
    changed_at_ms bigint NOT NULL,
    PRIMARY KEY (session_id, id)
);
CREATE INDEX party_of ON signing.party (person, session_id);

-- What was signed: by S0 a reply, by S1 an approval, by S2 a revision with a certificate.
CREATE TABLE signing.signature (
    session_id text NOT NULL,
    party text NOT NULL,
    level text NOT NULL CHECK (level IN ('S0', 'S1', 'S2', 'seal')),
    at_ms bigint NOT NULL,
    nonce text,                         -- of the approval, whose evidence the runtime keeps
    revision integer,
    certificate numeric,                -- serial number
    sealed bytea NOT NULL,              -- S0: the reply; all: the answers to clauses
    PRIMARY KEY (session_id, party),
    FOREIGN KEY (session_id, party) REFERENCES signing.party (session_id, id),
    CHECK ((level IN ('S2', 'seal')) = (revision IS NOT NULL)),
    CHECK ((level IN ('S1', 'S2')) = (nonce IS NOT NULL)),
    CHECK ((level = 'S2') = (certificate IS NOT NULL))
);

-- Revisions by signers and, last, the closing one: increments, each encrypted on its own.
CREATE TABLE signing.revision (
    session_id text NOT NULL REFERENCES signing.session,
    number integer NOT NULL CHECK (number >= 1),
    party text,                         -- none: the closing
    previous_sha256 bytea NOT NULL CHECK (length(previous_sha256) = 32),
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    size integer NOT NULL CHECK (size > 0),
    increment bytea NOT NULL,           -- ciphertext
    at_ms bigint NOT NULL,
    PRIMARY KEY (session_id, number)
);

-- Certificates of persons, each for one document. The same approval gives the same again; one of
-- several documents gives one for each.
CREATE TABLE signing.certificate (
    serial numeric PRIMARY KEY,
    session_id text NOT NULL,
    party text NOT NULL,
    person text NOT NULL,
    nonce text NOT NULL,
    spki_sha256 bytea NOT NULL CHECK (length(spki_sha256) = 32),
    document_sha256 bytea NOT NULL CHECK (length(document_sha256) = 32),
    certificate bytea NOT NULL,
    list bytea NOT NULL,                -- the newest list that speaks of it
    act text NOT NULL,                  -- entry of the log of acts
    issued_at_ms bigint NOT NULL,
    revoked_at_ms bigint,
    UNIQUE (nonce, session_id),
    FOREIGN KEY (session_id, party) REFERENCES signing.party (session_id, id)
);
CREATE INDEX certificate_of ON signing.certificate (person, issued_at_ms);

-- Ciphertext of documents, closed files' evidence included.
CREATE TABLE signing.blob (
    sha256 bytea PRIMARY KEY CHECK (length(sha256) = 32),
    session_id text NOT NULL REFERENCES signing.session ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('upload', 'document', 'evidence')),
    data bytea NOT NULL,
    made_at_ms bigint NOT NULL
);
CREATE INDEX blob_of ON signing.blob (session_id);

-- All that happened, in order: the record that the evidence is made of.
CREATE TABLE signing.event (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id text NOT NULL REFERENCES signing.session,
    at_ms bigint NOT NULL,
    what text NOT NULL,
    party text,
    sealed bytea                        -- details
);
CREATE INDEX event_of ON signing.event (session_id, n);

CREATE TABLE signing.renewal (
    final_sha256 bytea PRIMARY KEY CHECK (length(final_sha256) = 32),
    session_id text NOT NULL UNIQUE REFERENCES signing.session,
    renew_before_ms bigint NOT NULL,
    tries integer NOT NULL DEFAULT 0
);
CREATE INDEX renewal_due ON signing.renewal (renew_before_ms);

CREATE TRIGGER event_only_grows BEFORE UPDATE OR DELETE ON signing.event
    FOR EACH ROW EXECUTE FUNCTION signing.refuse_change();
CREATE TRIGGER revision_only_grows BEFORE UPDATE OR DELETE ON signing.revision
    FOR EACH ROW EXECUTE FUNCTION signing.refuse_change();
CREATE TRIGGER signature_only_grows BEFORE UPDATE OR DELETE ON signing.signature
    FOR EACH ROW EXECUTE FUNCTION signing.refuse_change();

-- Once it is sent, nothing that was shown to the signers changes.
CREATE FUNCTION signing.refuse_other_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Stages may: a delegate stands where whom they act for stood.
    IF OLD.state <> 'draft' AND
        (NEW.requester, NEW.document_sha256, NEW.size, NEW.pages, NEW.effect, NEW.level_min)
        IS DISTINCT FROM
        (OLD.requester, OLD.document_sha256, OLD.size, OLD.pages, OLD.effect, OLD.level_min)
    THEN
        RAISE EXCEPTION 'signing.session: what is sent does not change';
    END IF;
    IF NEW.revision < OLD.revision OR NEW.revision > OLD.revision + 1 THEN
        RAISE EXCEPTION 'signing.session: revisions come one after the other';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER session_frozen BEFORE UPDATE ON signing.session
    FOR EACH ROW EXECUTE FUNCTION signing.refuse_other_document();
