"""SQL of the service of signing."""
