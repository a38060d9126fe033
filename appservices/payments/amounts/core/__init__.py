"""Amounts and orders, pure."""
