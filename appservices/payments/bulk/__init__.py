"""Payouts in bulk, ordered by organisations."""
