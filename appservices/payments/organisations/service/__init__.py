"""Callers, their requests and their events."""
