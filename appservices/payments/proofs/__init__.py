"""Proofs of a payment, or of its ledger, for anybody: published heads, receipts."""
