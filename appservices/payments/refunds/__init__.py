"""Refunds by organisations."""
