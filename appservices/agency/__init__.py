"""Organisations, their services, cases and desks."""
