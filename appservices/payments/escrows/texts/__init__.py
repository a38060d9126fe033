"""Escrows in words."""
