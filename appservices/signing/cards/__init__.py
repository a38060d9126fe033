"""The cards of documents, and the news about them, each in its reader's chat."""
