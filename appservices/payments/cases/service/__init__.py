"""Rooms of disputes and escrows: who is in them, and what is said there."""
