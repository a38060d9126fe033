"""Heads and receipts, verified without asking anybody."""
