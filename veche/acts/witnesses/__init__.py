"""Witnesses of the signed heads of our logs: they are shown each new one, and sign it."""
