"""Limits and bans that people set for themselves."""
