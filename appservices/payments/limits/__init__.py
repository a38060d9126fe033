"""What persons limit and forbid themselves."""
