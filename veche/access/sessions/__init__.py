"""Sign-in on pages: links and codes from the person's own room, OpenID, tokens."""

from veche.access.sessions.core import Agent, Level, Session, SignInRefusedError, WrongCodeError
from veche.access.sessions.openid import OpenIdChecker, OpenIdToken
from veche.access.sessions.sessions import Sessions, SignedIn
from veche.access.sessions.store import sessions_topic
from veche.access.sessions.talk import (
    PAGE_COMMANDS,
    answer_command,
    offer_link,
    sign_out_everywhere,
    sign_out_in_room,
)

__all__ = [
    "PAGE_COMMANDS",
    "Agent",
    "Level",
    "OpenIdChecker",
    "OpenIdToken",
    "Session",
    "Sessions",
    "SignInRefusedError",
    "SignedIn",
    "WrongCodeError",
    "answer_command",
    "offer_link",
    "sessions_topic",
    "sign_out_everywhere",
    "sign_out_in_room",
]
