"""SQL of banks."""
