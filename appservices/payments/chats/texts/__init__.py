"""Texts of chats beside those of other capabilities."""
