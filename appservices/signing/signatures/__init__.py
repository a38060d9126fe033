"""Signatures: the certificates that they need, and how they are taken."""
