"""Rooms of disputes and escrows."""
