"""A payment's money, given to the writer of the ledger."""
