-- A decision of a dispute's desk can be appealed once, to others; files are evidence by their hash.

ALTER TABLE payments.dispute
    ADD COLUMN ruled bigint,                -- what the first decision gives back
    ADD COLUMN ruled_by text UNIQUE,        -- nonce of its approval
    ADD COLUMN appealed_by bigint REFERENCES payments.holder,
    DROP CONSTRAINT dispute_state_check,
    ADD CONSTRAINT dispute_state_check CHECK (state IN (
        'asked', 'freezing', 'open', 'at_desk', 'decided', 'appealed', 'ending', 'closed',
        'cancelled', 'expired'
    )),
    DROP CONSTRAINT dispute_has_end,
    ADD CONSTRAINT dispute_has_end CHECK (
        due_at_ms IS NOT NULL
        OR state NOT IN ('asked', 'freezing', 'open', 'at_desk', 'decided', 'appealed')
    ),
    DROP CONSTRAINT dispute_hold_has_end,
    ADD CONSTRAINT dispute_hold_has_end CHECK (
        hold_ends_at_ms IS NOT NULL
        OR state NOT IN ('freezing', 'open', 'at_desk', 'decided', 'appealed', 'ending')
    ),
    ADD CONSTRAINT dispute_ruling CHECK (
        ruled BETWEEN 0 AND held AND (ruled IS NULL) = (ruled_by IS NULL)
        AND (state NOT IN ('decided', 'appealed') OR ruled IS NOT NULL)
    ),
    ADD CONSTRAINT dispute_appeal CHECK (
        (appealed_by IS NULL OR (appealed_by IN (payer, payee) AND ruled IS NOT NULL))
        AND (state <> 'appealed' OR appealed_by IS NOT NULL)
    );

-- As long as the first decision can change, all that is set aside counts.
CREATE OR REPLACE FUNCTION payments.dispute_counts(d payments.dispute) RETURNS bigint AS $$
    SELECT CASE WHEN d.state = 'freezing' THEN d.amount
        WHEN d.state IN ('open', 'at_desk', 'decided', 'appealed') THEN d.held ELSE 0 END;
$$ LANGUAGE sql IMMUTABLE;

CREATE INDEX dispute_appealed ON payments.dispute (id) WHERE state = 'appealed';

-- What a side sent as evidence: its hash, and sealed where it is and what opens it.
CREATE TABLE payments.dispute_file (
    dispute_id text NOT NULL REFERENCES payments.dispute,
    n smallint NOT NULL CHECK (n BETWEEN 1 AND 20),
    by bigint NOT NULL REFERENCES payments.holder,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),  -- of the file itself
    size_bytes bigint NOT NULL CHECK (size_bytes > 0),
    sealed bytea NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (dispute_id, n),
    UNIQUE (dispute_id, sha256)
);

-- Evidence is not changed or taken away.
CREATE FUNCTION payments.keep_evidence() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'evidence stays' USING ERRCODE = 'VP002';
END $$ LANGUAGE plpgsql;
CREATE TRIGGER keep_evidence BEFORE UPDATE OR DELETE ON payments.dispute_file
    FOR EACH ROW EXECUTE FUNCTION payments.keep_evidence();
