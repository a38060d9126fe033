"""A bot to which each person writes in a chat of their own."""

from veche.bots.bounds import CHATS_MAX, answer_invitation
from veche.bots.conversation import BotProfile, ChatParts, Conversation
from veche.bots.jobs import ChatJob, Join, OpenChat, invite
from veche.bots.receiving import (
    choose_language,
    doubt,
    is_stale,
    join_kind,
    log_undelivered,
    page_commands,
    receive,
    refuse,
)
from veche.bots.store import Chat, Chats

__all__ = [
    "CHATS_MAX",
    "BotProfile",
    "Chat",
    "ChatJob",
    "ChatParts",
    "Chats",
    "Conversation",
    "Join",
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
