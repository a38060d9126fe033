"""Closing files: the seals of organisations, a time stamp over all of it, the report."""
