"""What browsers ask the pages' service for: documents, files, sessions, keys."""
