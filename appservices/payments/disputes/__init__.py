"""Disputes: a payer says that a payment was not right."""
