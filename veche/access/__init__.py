"""Sign-in on pages, keys of people, and their approvals."""
