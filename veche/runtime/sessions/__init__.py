"""Who is signed in on our pages: links and codes from the person's own room, OpenID, tokens."""

from veche.runtime.sessions.core import (
    Agent,
    Level,
    Session,
    SignInRefusedError,
    WrongCodeError,
)
from veche.runtime.sessions.openid import OpenIdChecker, OpenIdToken
from veche.runtime.sessions.sessions import Sessions, SignedIn
from veche.runtime.sessions.store import sessions_topic
from veche.runtime.sessions.talk import (
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
