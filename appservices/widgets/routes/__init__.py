"""HTTP routes of the pages' service: documents, files, sessions, keys."""
