"""Mandates and debits by them."""
