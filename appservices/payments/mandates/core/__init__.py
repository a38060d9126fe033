"""Mandates, pure: their states, and orders of services for them."""
