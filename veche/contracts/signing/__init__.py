"""Facts about the signing of documents that other features read."""
