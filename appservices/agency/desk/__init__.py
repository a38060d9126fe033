"""Desks: what the staff reads of a case, and is asked."""
