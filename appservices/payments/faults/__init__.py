"""Dead letters of the ledger."""
