-- `ledger.commit_batch` joins by loops alone, from the rows of the block to what they move. Called by
-- `ledger.write_block`, whose one join is another kind, it kept that function's setting, which forbids
-- loops: where all kinds are forbidden alike, the planner may read all accounts for three rows.
ALTER FUNCTION ledger.commit_batch SET enable_nestloop = on;
ALTER FUNCTION ledger.commit_batch SET enable_bitmapscan = on;
