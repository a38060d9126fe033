"""Facts about payments that other features read."""
