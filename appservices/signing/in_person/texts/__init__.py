"""Texts for registrars about people who sign in person, and their statements."""
