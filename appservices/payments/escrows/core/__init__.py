"""Escrows, pure: states, what is typed, their transfers."""
