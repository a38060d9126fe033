-- The current SQL functions of this schema. `veche db migrate` applies this file whenever it has
-- changed. Another signature needs a migration that drops the function and gives its grants again.

CREATE OR REPLACE FUNCTION signing.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'signing.% only grows', TG_TABLE_NAME;
END
$$;

CREATE OR REPLACE FUNCTION signing.refuse_other_document()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
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

CREATE OR REPLACE FUNCTION signing.refuse_other_mode()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'signing.session: who sees a document does not change, nor its title';
END
$$;

CREATE OR REPLACE FUNCTION signing.name_requester()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.requester IS NULL THEN
        SELECT s.requester INTO NEW.requester FROM signing.session AS s
            WHERE s.id = NEW.session_id AND s.requester NOT LIKE '@%';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION signing.refuse_all_but_emptying()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.increment = '' AND
        (NEW.session_id, NEW.number, NEW.party, NEW.previous_sha256, NEW.sha256, NEW.size, NEW.at_ms)
        IS NOT DISTINCT FROM
        (OLD.session_id, OLD.number, OLD.party, OLD.previous_sha256, OLD.sha256, OLD.size, OLD.at_ms)
        AND EXISTS (
            SELECT 1 FROM signing.session WHERE id = OLD.session_id AND closed_at_ms IS NOT NULL
        )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'signing.% only grows', TG_TABLE_NAME;
END
$$;

CREATE OR REPLACE FUNCTION signing.guardians_agreed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $$
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
