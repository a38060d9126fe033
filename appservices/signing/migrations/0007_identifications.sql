-- Persons with an account whom somebody has identified in person: for one key of theirs, for a time.
-- Name, document and who has seen it are sealed.
CREATE TABLE signing.identification (
    id text PRIMARY KEY CHECK (id ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    person text NOT NULL,               -- Matrix user ids
    registrar text NOT NULL,
    state text NOT NULL CHECK (state IN (
        'asked', 'present', 'shown', 'identified', 'refused', 'replaced', 'revoked'
    )),
    key_id text,                        -- runtime.device_key
    tries smallint NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 3),
    sealed bytea NOT NULL,
    made_at_ms bigint NOT NULL,
    changed_at_ms bigint NOT NULL,
    expires_at_ms bigint,
    CHECK (state NOT IN ('present', 'shown', 'identified') OR key_id IS NOT NULL),
    CHECK (state <> 'identified' OR expires_at_ms IS NOT NULL)
);
-- One at a time of a person; and one that counts of a key.
CREATE UNIQUE INDEX identification_open ON signing.identification (person)
    WHERE state IN ('asked', 'present', 'shown');
CREATE UNIQUE INDEX identification_current ON signing.identification (person, key_id)
    WHERE state = 'identified';
