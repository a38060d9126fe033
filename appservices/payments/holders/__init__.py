"""Holders of accounts: who has one, which, and what limits they set."""
