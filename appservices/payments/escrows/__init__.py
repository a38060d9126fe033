"""Escrows: money put aside until people decide, or a date does."""
