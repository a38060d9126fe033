"""SQL of the ledger, and the same in memory."""
