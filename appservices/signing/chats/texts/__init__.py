"""Texts of chats beside cards and news."""
