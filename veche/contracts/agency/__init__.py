"""Facts about an agency's cases that other features read."""
