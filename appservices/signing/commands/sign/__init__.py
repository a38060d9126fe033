"""`veche sign`: by a key of one's own, a file here or the document of a session."""
