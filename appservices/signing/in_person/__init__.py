"""Signing in person: by a guest's phone, or by hand on a tablet of the office."""
