"""The closed file: handed out, kept for a while, and deleted."""
