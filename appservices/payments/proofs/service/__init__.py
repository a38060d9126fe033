"""Heads as they are published, receipts as they are signed."""
