"""Payments kept, approved and asked about."""
