"""A bot to which each person writes in a chat of their own."""

from veche.bots.bounds import CHATS_MAX, answer_invitation
from veche.bots.conversation import AT_REQUEST, BotProfile, ChatParts, Conversation
from veche.bots.jobs import ChatJob, Join, OpenChat, by_bot, invite
from veche.bots.receiving import (
    choose_language,
    doubt,
    is_stale,
    join_kind,
    log_undelivered,
    page_commands,
    receive,
    refuse,
    why_ignored,
)
from veche.bots.store import Chat, Chats

__all__ = [
    "AT_REQUEST",
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
    "by_bot",
    "choose_language",
    "doubt",
    "invite",
    "is_stale",
    "join_kind",
    "log_undelivered",
    "page_commands",
    "receive",
    "refuse",
    "why_ignored",
]
