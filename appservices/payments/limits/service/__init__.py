"""Limits and bans, as they are shown and changed."""
