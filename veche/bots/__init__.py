"""A bot to which each person writes in a chat of their own."""

from veche.bots.answering import act_on_answer, act_on_page, check_topics, is_stale, refuse
from veche.bots.bounds import CHATS_MAX, answer_invitation
from veche.bots.conversation import (
    AT_REQUEST,
    BotProfile,
    ChatParts,
    Conversation,
    Reply,
    RoomReply,
)
from veche.bots.jobs import ChatJob, Join, OpenChat, by_bot, invite
from veche.bots.receiving import (
    choose_language,
    doubt,
    join_kind,
    log_undelivered,
    page_commands,
    receive,
    unconfirmed,
    why_ignored,
)
from veche.bots.staff_words import commit_words
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
    "Reply",
    "RoomReply",
    "act_on_answer",
    "act_on_page",
    "answer_invitation",
    "by_bot",
    "check_topics",
    "choose_language",
    "commit_words",
    "doubt",
    "invite",
    "is_stale",
    "join_kind",
    "log_undelivered",
    "page_commands",
    "receive",
    "refuse",
    "unconfirmed",
    "why_ignored",
]
