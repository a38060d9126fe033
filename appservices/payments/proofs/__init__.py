"""What proves a payment, or the ledger that has it, to anybody: published heads, receipts."""
