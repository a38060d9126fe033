"""Conversation: the speaking bot, its parts, and the people who are named."""
