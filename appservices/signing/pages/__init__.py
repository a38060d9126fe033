"""Pages: how a session is shown to its parties, and what they ask."""
