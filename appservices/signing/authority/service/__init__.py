"""The authority's folder: read, looked after, and keys made for it."""
