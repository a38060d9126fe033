"""Shared parts of all routes of organisations, and webhooks."""
