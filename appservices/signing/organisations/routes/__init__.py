"""The HTTP API of organisations."""
