-- Attempts that no block can have, a bug of ours: they rest here, with all that is about the same
-- thing, until a person has looked and the program was mended. Nothing of them was moved.
CREATE TABLE payments.dead_letter (
    attempt_id bigint PRIMARY KEY REFERENCES payments.attempt ON DELETE CASCADE,
    why text NOT NULL CHECK (length(why) BETWEEN 1 AND 1000),   -- what the database said
    at_ms bigint NOT NULL
);

-- What a role of the service of its own may do with the ledger: read, append rows, call three
-- functions, publish heads. Again after each upgrade: `veche db grant` calls it.
CREATE OR REPLACE FUNCTION ledger.grant_to(role_name regrole) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA ledger TO %s', role_name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO %s', role_name);
    EXECUTE format(
        'GRANT INSERT ON ledger.transfer, ledger.event, ledger.burned, ledger.tree_node,'
        ' ledger.checkpoint TO %s', role_name
    );
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION ledger.require_writer, ledger.commit_batch, ledger.take_over'
        ' TO %s', role_name
    );
END $$;
REVOKE EXECUTE ON FUNCTION ledger.grant_to FROM PUBLIC;
