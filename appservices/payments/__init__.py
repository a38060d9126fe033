"""Payments: money between people, organisations and banks, on a ledger that can be proved."""
