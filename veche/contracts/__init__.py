"""What one feature, an offline verifier or a homeserver module reads of another. Pure."""
