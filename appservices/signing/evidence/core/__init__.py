"""The record of a session, and what of it can be checked with the signed file alone."""
