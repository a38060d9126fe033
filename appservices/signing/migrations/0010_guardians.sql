-- Guardians: persons whom somebody chose, some of whom have to agree before that person's signature
-- counts. A rule is never changed: another takes its place, at once if it asks for more, later if it
-- asks for less.

CREATE TABLE signing.guard_rule (
    id text PRIMARY KEY CHECK (id ~ '^[0-9A-HJKMNP-TV-Z]{26}$'),
    person text NOT NULL,               -- whose signatures: a Matrix user id
    state text NOT NULL CHECK (state IN ('proposed', 'asked', 'waiting', 'active', 'ended')),
    needed smallint NOT NULL CHECK (needed BETWEEN 0 AND 5),    -- 0: no guardians any more
    sealed bytea NOT NULL,              -- names
    approved_by text UNIQUE,            -- nonce of the person's approval, runtime.approval
    counts_from_ms bigint,
    changed_at_ms bigint NOT NULL,
    CONSTRAINT guard_rule_given CHECK (state IN ('proposed', 'ended') OR approved_by IS NOT NULL),
    CHECK (state <> 'waiting' OR counts_from_ms IS NOT NULL)
);
CREATE UNIQUE INDEX one_guard_rule ON signing.guard_rule (person) WHERE state = 'active';
CREATE UNIQUE INDEX one_coming_guard_rule ON signing.guard_rule (person)
    WHERE state IN ('asked', 'waiting');

CREATE TABLE signing.guardian (
    rule_id text NOT NULL REFERENCES signing.guard_rule,
    person text NOT NULL,
    place smallint NOT NULL CHECK (place BETWEEN 1 AND 5),
    approved_by text,                   -- nonce of their acceptance; none: not yet
    PRIMARY KEY (rule_id, person),
    UNIQUE (rule_id, place)
);

-- Documents that guardians are asked about, by which rule; what they said, and by which approval.
CREATE TABLE signing.guarded (
    session_id text NOT NULL REFERENCES signing.session ON DELETE CASCADE,
    party text NOT NULL,
    rule_id text NOT NULL REFERENCES signing.guard_rule,
    asked_at_ms bigint NOT NULL,
    PRIMARY KEY (session_id, party, rule_id)
);
CREATE TABLE signing.guardian_vote (
    session_id text NOT NULL,
    party text NOT NULL,
    rule_id text NOT NULL,
    guardian text NOT NULL,
    is_yes boolean NOT NULL,
    approved_by text UNIQUE,
    at_ms bigint NOT NULL,
    PRIMARY KEY (session_id, party, rule_id, guardian),
    FOREIGN KEY (session_id, party, rule_id) REFERENCES signing.guarded ON DELETE CASCADE,
    FOREIGN KEY (rule_id, guardian) REFERENCES signing.guardian,
    CONSTRAINT yes_is_signed CHECK (is_yes = (approved_by IS NOT NULL))
);

-- No signature of somebody with guardians is kept before enough of them agreed.
CREATE FUNCTION signing.guardians_agreed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM signing.party AS p
        JOIN signing.guard_rule AS r ON r.person = p.person AND r.state = 'active'
        WHERE p.session_id = NEW.session_id AND p.id = NEW.party AND p.role <> 'seal'
        AND r.needed > (
            SELECT count(*) FROM signing.guardian_vote AS v
            WHERE v.session_id = p.session_id AND v.party = p.id AND v.rule_id = r.id AND v.is_yes
        )
    ) THEN
        RAISE EXCEPTION 'party % of session % has too few guardians', NEW.party, NEW.session_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'guardians_agreed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guardians_agreed BEFORE INSERT ON signing.signature
    FOR EACH ROW EXECUTE FUNCTION signing.guardians_agreed();
