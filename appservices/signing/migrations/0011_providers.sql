-- Signing at a provider of remote signatures on the page of a party.

-- Where the key of a certificate is that a party has told; NULL: on the party's own side.
ALTER TABLE signing.own_certificate
ADD COLUMN provider text,
ADD COLUMN credential text,
ADD CHECK ((provider IS NULL) = (credential IS NULL));

-- What a party's page is having signed there. Nothing that a person says to a provider is here.
CREATE TABLE signing.provider_order (
    session_id text NOT NULL,
    party text NOT NULL,
    chain bytea [] NOT NULL,            -- the certificate, then those above it
    lists bytea [] NOT NULL,            -- of revoked certificates, as they were then
    revision integer NOT NULL,          -- that it will be
    at_ms bigint NOT NULL,              -- the time that it shows
    digest bytea CHECK (length(digest) = 32),
    handle bytea,                       -- sealed: by which the provider is asked whether they agreed
    signature bytea,
    PRIMARY KEY (session_id, party),
    CHECK (digest IS NOT NULL OR (handle IS NULL AND signature IS NULL)),
    FOREIGN KEY (session_id, party) REFERENCES signing.party (session_id, id) ON DELETE CASCADE
);
