-- Witnesses of signed heads: what they have signed, and whose turn it is to be shown the next one.

CREATE TABLE runtime.cosignature (
    origin text NOT NULL,               -- of the log
    size bigint NOT NULL CHECK (size >= 1),
    witness text NOT NULL,              -- its key, <name>+<id>+<base64>
    line text NOT NULL,                 -- of the signed note (C2SP tlog-cosignature)
    at_ms bigint NOT NULL,
    PRIMARY KEY (origin, size, witness)
);
CREATE TRIGGER cosignature_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON runtime.cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();

CREATE TABLE runtime.witness_turn (
    origin text NOT NULL,
    witness text NOT NULL,
    size bigint NOT NULL DEFAULT 0,     -- the newest head that it has, as far as is known; 0: none
    due_at_ms bigint NOT NULL,          -- not asked before: another process asks, or it failed
    failures integer NOT NULL DEFAULT 0,
    why text NOT NULL DEFAULT '',       -- of the last failure
    PRIMARY KEY (origin, witness)
);
