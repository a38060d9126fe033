"""Institutions as they speak with one another: who they are, and signed questions."""
