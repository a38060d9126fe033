-- What is published of the ledger: the Merkle tree (RFC 6962) over the heads of its blocks, and the
-- checkpoints that were signed of it. A published head is a promise to everybody, so nothing of it
-- ever changes.

-- The roots of all whole subtrees: `at` counts those of a level from 0, an entry has level 0.
CREATE TABLE ledger.tree_node (
    shard smallint NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 62),
    at bigint NOT NULL CHECK (at >= 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (shard, level, at)
);

CREATE TABLE ledger.checkpoint (
    shard smallint NOT NULL,
    size bigint NOT NULL CHECK (size > 0),      -- blocks
    note text NOT NULL,                         -- signed
    at_ms bigint NOT NULL,
    PRIMARY KEY (shard, size)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.tree_node
    EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.checkpoint
    EXECUTE FUNCTION ledger.refuse_change();
