"""Guardians of signatures: their rules, and the documents that they are asked about."""
