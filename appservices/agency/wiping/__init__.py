"""Wiping what is in clear of cases that ended long ago."""
