"""Disputes, pure: states, what is typed, evidence."""
