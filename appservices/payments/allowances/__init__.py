"""Allowances: somebody lets another pay from their account."""
