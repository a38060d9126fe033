"""The HTTP API of merchants."""
