"""Calls to persons, and how they know that it is the office."""
