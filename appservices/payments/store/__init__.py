"""What payments keep, beside the ledger: holders, chats, payments, invoices, mandates."""
