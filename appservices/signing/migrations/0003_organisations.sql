-- Certificates that a person has approved and that no key has signed yet: a token may not answer,
-- and the same approval must give the certificate later.
CREATE TABLE signing.certifying (
    nonce text NOT NULL,                -- of the approval
    serial numeric NOT NULL UNIQUE,
    session_id text NOT NULL,
    party text NOT NULL,
    person text NOT NULL,
    spki bytea NOT NULL,                -- the key, DER
    at_ms bigint NOT NULL,
    PRIMARY KEY (nonce, session_id),
    FOREIGN KEY (session_id, party) REFERENCES signing.party (session_id, id)
);
CREATE INDEX certifying_of ON signing.certifying (person, at_ms);

-- Many documents from one template, a session for each row. A row is sealed; what was answered in
-- it is forgotten once its session is made.
CREATE TABLE signing.batch (
    id text PRIMARY KEY CHECK (id ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    requester text NOT NULL,            -- the id of an organisation
    caller_key text NOT NULL,           -- Idempotency-Key
    caller_sha256 bytea NOT NULL,
    template text NOT NULL,
    version bytea NOT NULL,             -- SHA-256 of the template's files
    language text NOT NULL,
    may_delegate boolean NOT NULL,
    deadline_at_ms bigint NOT NULL,
    made_at_ms bigint NOT NULL,
    UNIQUE (requester, caller_key)
);

CREATE TABLE signing.batch_row (
    batch_id text NOT NULL REFERENCES signing.batch,
    n integer NOT NULL CHECK (n >= 1),
    state text NOT NULL CHECK (state IN ('waiting', 'made', 'failed')),
    sealed bytea NOT NULL,              -- the row; of a bad one what is wrong
    session_id text,
    PRIMARY KEY (batch_id, n),
    CHECK ((state = 'made') = (session_id IS NOT NULL))
);
CREATE INDEX batch_waiting ON signing.batch_row (batch_id, n) WHERE state = 'waiting';
