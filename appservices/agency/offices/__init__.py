"""Offices: who works there, when they are open, and what they offer."""
