"""The chats of persons with the bot."""

from __future__ import annotations

from typing import Final

from veche.runtime.chats import Chats

_CHATS: Final = Chats("signing")
keep_chat = _CHATS.keep
chat = _CHATS.read
chats_of = _CHATS.of
set_greeted = _CHATS.set_greeted
drop_chat = _CHATS.drop
