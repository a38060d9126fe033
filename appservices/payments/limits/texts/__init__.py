"""Limits and bans in words."""
