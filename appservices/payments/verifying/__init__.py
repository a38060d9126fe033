"""Verifiers of payments for `veche verify`: receipts, and copies of the room of heads."""
