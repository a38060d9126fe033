"""The chats of persons with the bot."""

from __future__ import annotations

from typing import Final

from veche.bots import Chats

CHATS: Final = Chats("signing")
"""Whose chat with the bot a room is."""
keep_chat = CHATS.keep
chat = CHATS.read
chats_of = CHATS.of
set_greeted = CHATS.set_greeted
drop_chat = CHATS.drop
