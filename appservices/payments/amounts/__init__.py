"""Amounts as people type and divide them."""
