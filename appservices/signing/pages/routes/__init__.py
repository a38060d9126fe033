"""The HTTP API of pages."""
