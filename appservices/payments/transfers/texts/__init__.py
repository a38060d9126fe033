"""A payment in words."""
