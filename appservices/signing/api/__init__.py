"""The models of the HTTP API of signing."""
