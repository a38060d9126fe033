"""The wallet as pages show it, and acts on it."""
