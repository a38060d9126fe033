"""What a bot says and asks in rooms: sending, prompts, the people it talks with."""
