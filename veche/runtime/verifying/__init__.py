"""Verification of a log, or of what it has signed, without our services."""
