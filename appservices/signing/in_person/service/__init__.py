"""Guests and registrars who meet, at a phone or a tablet."""
