"""Commands, pictures and pasted codes."""
