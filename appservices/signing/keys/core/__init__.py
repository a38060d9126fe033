"""The pure part of keys: what a key is to us, what providers say, the code of a document."""
