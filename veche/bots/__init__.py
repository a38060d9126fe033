"""A bot to which each person writes in a chat of their own."""

from veche.bots.bounds import CHATS_MAX, answer_invitation
from veche.bots.conversation import ChatParts, ChatScene, Manner
from veche.bots.hearing import (
    choose_language,
    doubt,
    is_stale,
    join_kind,
    log_undelivered,
    page_commands,
    receive,
    refuse,
)
from veche.bots.jobs import ChatErrand, Join, OpenChat, invite
from veche.bots.store import Chat, Chats

__all__ = [
    "CHATS_MAX",
    "Chat",
    "ChatErrand",
    "ChatParts",
    "ChatScene",
    "Chats",
    "Join",
    "Manner",
    "OpenChat",
    "answer_invitation",
    "choose_language",
    "doubt",
    "invite",
    "is_stale",
    "join_kind",
    "log_undelivered",
    "page_commands",
    "receive",
    "refuse",
]
