"""Seals and time stamps over digests; the files stay where they are."""
