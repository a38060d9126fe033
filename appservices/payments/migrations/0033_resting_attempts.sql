-- An attempt that failed rests in the table and not in the memory of the writer: it takes nobody's place
-- there, and whoever writes next goes on counting.
ALTER TABLE payments.attempt
    ADD COLUMN failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    ADD COLUMN due_at_ms bigint NOT NULL DEFAULT 0;

-- The same rule by an index that also finds what comes before an attempt about the same thing.
CREATE UNIQUE INDEX attempt_of ON payments.attempt (about, kind);
ALTER TABLE payments.attempt DROP CONSTRAINT attempt_kind_about_key;
