"""Receipts of payments: as proofs, and as files."""
