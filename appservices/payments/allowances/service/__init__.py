"""Allowances given, used and ended."""
