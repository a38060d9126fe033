"""Renewing signed files: another time stamp, before the last one ends to prove anything."""
