"""Seals and time stamps: by this site, or by an authority elsewhere."""
