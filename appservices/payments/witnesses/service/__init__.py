"""Heads posted, heads of others seen and signed."""
