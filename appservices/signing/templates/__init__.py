"""Templates of documents, filled in and made."""
