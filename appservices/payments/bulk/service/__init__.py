"""Payouts in bulk: set aside, paid line by line, stopped."""
