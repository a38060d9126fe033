-- Signatures by certificates of people's own: from a card, or at a provider.

ALTER TABLE signing.session DROP CONSTRAINT session_level_min_check;
ALTER TABLE signing.session ADD CONSTRAINT session_level_min_check
CHECK (level_min IN ('S0', 'S1', 'S2', 'S3', 'S4'));
ALTER TABLE signing.party DROP CONSTRAINT party_level_min_check;
ALTER TABLE signing.party ADD CONSTRAINT party_level_min_check
CHECK (level_min IN ('S0', 'S1', 'S2', 'S3', 'S4'));

ALTER TABLE signing.signature DROP CONSTRAINT signature_level_check;
ALTER TABLE signing.signature DROP CONSTRAINT signature_check;
ALTER TABLE signing.signature DROP CONSTRAINT signature_check1;
ALTER TABLE signing.signature DROP CONSTRAINT signature_check2;
ALTER TABLE signing.signature
ADD CONSTRAINT signature_level_check CHECK (level IN ('S0', 'S1', 'S2', 'S3', 'S4', 'seal')),
ADD CONSTRAINT signature_in_file
CHECK ((level IN ('S2', 'S3', 'S4', 'seal')) = (revision IS NOT NULL)),
ADD CONSTRAINT signature_approved
CHECK ((level IN ('S1', 'S2', 'S3', 'S4')) = (nonce IS NOT NULL)),
ADD CONSTRAINT signature_certified
CHECK ((level IN ('S2', 'S3', 'S4')) = (certificate IS NOT NULL));

-- Of a certificate of the person's own, the serial is a number by which it is known here alone, the
-- list is empty, and those above it are kept too.
ALTER TABLE signing.certificate
ADD COLUMN level text NOT NULL DEFAULT 'S2' CHECK (level IN ('S2', 'S3', 'S4')),
ADD COLUMN above bytea [] NOT NULL DEFAULT '{}';

-- Which certificate a party is about to approve.
CREATE TABLE signing.own_certificate (
    session_id text NOT NULL,
    party text NOT NULL,
    person text NOT NULL,
    chain bytea [] NOT NULL,            -- the certificate, then those above it
    level text NOT NULL CHECK (level IN ('S3', 'S4')),
    at_ms bigint NOT NULL,
    PRIMARY KEY (session_id, party),
    FOREIGN KEY (session_id, party) REFERENCES signing.party (session_id, id) ON DELETE CASCADE
);
