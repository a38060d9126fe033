-- Heads of the logs of acts, signed, so that a person can prove an act to anybody.

-- What binds an act to its effect: with the inner part it is the commitment. NULL of older acts.
ALTER TABLE runtime.act ADD COLUMN bound bytea;
CREATE INDEX act_of_person ON runtime.act (organisation, subject, idx) WHERE subject <> '';

CREATE OR REPLACE FUNCTION runtime.refuse_change_of_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.opening IS NULL AND NEW.salt IS NULL AND NEW.bound IS NOT DISTINCT FROM OLD.bound
        AND (NEW.organisation, NEW.idx, NEW.entry, NEW.inner_part, NEW.prev, NEW.head, NEW.subject)
            = (OLD.organisation, OLD.idx, OLD.entry, OLD.inner_part, OLD.prev, OLD.head,
                OLD.subject)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '%.% is append only', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;

-- The Merkle tree (RFC 6962) over the entries of an organisation: roots of whole subtrees.
CREATE TABLE runtime.act_node (
    organisation text NOT NULL,
    level smallint NOT NULL,            -- it stands for 2^level entries
    at bigint NOT NULL,                 -- which one of its level, from 0
    hash bytea NOT NULL,
    PRIMARY KEY (organisation, level, at)
);
CREATE TABLE runtime.act_checkpoint (
    organisation text NOT NULL,
    size bigint NOT NULL CHECK (size >= 1),
    note text NOT NULL,                 -- a signed note (C2SP tlog-checkpoint)
    at_ms bigint NOT NULL,
    PRIMARY KEY (organisation, size)
);
CREATE TRIGGER act_node_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON runtime.act_node
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();
CREATE TRIGGER act_checkpoint_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON runtime.act_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_change();
