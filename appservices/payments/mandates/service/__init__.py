"""Mandates given, used and ended."""
