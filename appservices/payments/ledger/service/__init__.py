"""The writer of the ledger: works become blocks, and what follows runs with them."""
