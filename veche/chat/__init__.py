"""Chat: sending, prompts, and the people whom a bot talks with."""
