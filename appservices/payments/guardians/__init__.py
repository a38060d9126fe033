"""Guardians: persons whom a payer chose to approve larger payments."""
