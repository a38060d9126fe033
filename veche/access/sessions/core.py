"""Rules of signing in on our pages: levels, lifetimes, limits, and what a code or a link is worth.

A session has the level of how it began and no way to raise itself. What was sent into a person's
room is worth what that room's encryption is worth: whoever brings it back could read the message.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ForbiddenError, MalformedError
from veche.protocol.ids import MATRIX_ID_CHARACTERS_MAX, UserId
from veche.protocol.inbound import Trust

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.protocol.ids import EffectId, RoomId
    from veche.runtime.crypto.core.trust import IdentityView

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS

IDLE_MS_MAX: Final = 15 * MINUTE_MS
"""A session that was not used for so long is over."""
SESSION_MS_MAX: Final = 8 * HOUR_MS
"""Longest session, however busy."""
SESSIONS_MAX: Final = 10
"""Sessions of one person above the lowest level; one more ends the oldest. As many of the lowest,
counted apart: whoever has a person's OpenID token must not be able to push the others out."""
USED_STEP_MS: Final = 10 * SECOND_MS
"""How exactly the last use is written down: a read a second must not be a write a second."""

OFFER_MS: Final = 10 * MINUTE_MS
"""How long a link and a code can be used."""
TRIES_MAX: Final = 3
"""Wrong codes after which a request is burned."""
CODE_DIGITS: Final = 6
CODES_PER_HOUR_MAX: Final = 5
"""Messages with a code that pages may have sent to one person."""
LINKS_PER_HOUR_MAX: Final = 20
"""Links that one person may have by the command."""
ASKED_PER_ADDRESS_MAX: Final = 20
"""Requests an hour from one address (an IPv6 network of /64 counts as one)."""
ASKED_PER_HOUR_MAX: Final = 2_000
"""Requests an hour from anywhere."""
WRONG_PER_HOUR_MAX: Final = 200
"""Wrong codes an hour where one was sent, all persons together; beyond it only links sign in.
Somebody who tries few codes with each of very many persons would else hit one of them."""
OPENID_KEPT_MS: Final = HOUR_MS
"""How long a taken OpenID token is remembered: homeservers let them live one hour."""
KEPT_MS: Final = 24 * HOUR_MS
"""How long the row of an attempt, or of a session that is over, stays."""

SECRET_BYTES: Final = 16
"""Of the secret in a link, and of a request that a page keeps."""
TOKEN_BYTES: Final = 32
AGENT_CHARACTERS_MAX: Final = 1_024
"""How much of a User-Agent header is looked at."""

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CODE: Final = re.compile(r"[0-9]{6}")
_SESSION_ID: Final = re.compile(r"[0-9A-Z]{26}")
_USER_ID: Final = re.compile(r"@[!-9;-~]+:[A-Za-z0-9.:\[\]-]{1,230}")


class Level(enum.IntEnum):
    """How surely a session is the person's; each level includes those before it."""

    LOW = 1
    """A homeserver says so (OpenID)."""
    ROOM = 2
    """Could read a message in the person's encrypted room."""
    VERIFIED = 3
    """As ``ROOM``, where none but devices that the person confirmed could read it."""

    @property
    def label(self) -> str:
        """The word of the wire: ``low``, ``room``, ``verified``."""
        return self.name.lower()

    @property
    def trust(self) -> Trust:
        """The trust of an act on a page, compared with a message in a room."""
        return _TRUST[self]


_TRUST: Final = {Level.LOW: Trust.ANY, Level.ROOM: Trust.E2EE, Level.VERIFIED: Trust.VERIFIED}


class SignInRefusedError(ForbiddenError):
    """The link, request or OpenID token signs nobody in, or not any more: begin anew (HTTP 403)."""

    errcode = "ORG.VECHE.SIGN_IN_REFUSED"


class WrongCodeError(ForbiddenError):
    """The code is not the one of this request: it can be typed once more (HTTP 403)."""

    errcode = "ORG.VECHE.WRONG_CODE"


@attrs.frozen
class Agent:
    """A browser in few words, all of them ours; both empty if it is unknown.

    Attributes:
        browser: Such as ``Firefox``.
        system: Such as ``Linux``.
    """

    browser: str = ""
    system: str = ""


@attrs.frozen
class Session:
    """Somebody who is signed in.

    Attributes:
        id: ULID; not secret.
        level: As it began.
        language: What the person chose, a code of a catalogue; None: nothing yet.
        agent: Where.
        used_at_ms: The last use, to within ``USED_STEP_MS``.
        ends_at_ms: When it is over however busy it is.
    """

    id: str
    person: UserId
    level: Level
    language: str | None
    agent: Agent
    begun_at_ms: int
    used_at_ms: int
    ends_at_ms: int


@attrs.frozen
class Sent:
    """The message that carries a link: who sent it, where, as which effect."""

    bot: UserId
    room_id: RoomId
    effect_id: EffectId


@attrs.frozen
class SignIn:
    """An attempt to sign in.

    Attributes:
        agent: The browser that asked; unknown for a link by command.
        language: In which it is told of, unless the person chose another.
        sent: None if nothing was sent: no person, no room, too many. Outside it looks the same.
        code_hash: None if no code was sent.
        tries: Wrong codes.
        ended_at_ms: When it was used up.
    """

    id: str
    person: UserId
    agent: Agent
    language: str
    opened_at_ms: int
    sent: Sent | None = None
    code_hash: bytes | None = None
    tries: int = 0
    ended_at_ms: int | None = None


@attrs.frozen
class Recipient:
    """A device that got the session in which a message was sealed.

    Attributes:
        is_known: Whether it is still among the person's devices, with the same keys.
    """

    user_id: str
    is_known: bool
    is_cross_signed: bool
    identity: IdentityView


class Verdict(enum.Enum):
    """The verdict on a secret that somebody presents."""

    GOOD = "good"
    WRONG = "wrong"
    """Another code than the one that was sent; counts as a try."""
    OVER = "over"
    """Used, burned, too old, or nothing of the kind."""


def judge_code(sign_in: SignIn | None, code: str, wrong_count: int, now_ms: int) -> Verdict:
    """Judge a code for the request with which it was presented.

    A request for which nothing was sent behaves like any other: all codes are wrong.

    Args:
        sign_in: The request; None if there is none.
        code: As typed.
        wrong_count: Wrong codes of all persons within the hour.
        now_ms: UTC.
    """
    if sign_in is None or not is_open(sign_in, now_ms) or wrong_count >= WRONG_PER_HOUR_MAX:
        return Verdict.OVER
    expected = sign_in.code_hash or b""
    return (
        Verdict.GOOD
        if hmac.compare_digest(code_hash(sign_in.id, code), expected)
        else Verdict.WRONG
    )


def judge_link(sign_in: SignIn | None, now_ms: int) -> Verdict:
    """Judge a link; None stands for one that nobody sent."""
    is_good = sign_in is not None and sign_in.sent is not None and is_open(sign_in, now_ms)
    return Verdict.GOOD if is_good else Verdict.OVER


def is_open(sign_in: SignIn, now_ms: int) -> bool:
    """Return whether an attempt can still succeed."""
    is_over = sign_in.ended_at_ms is not None or sign_in.tries >= TRIES_MAX
    return not is_over and now_ms < sign_in.opened_at_ms + OFFER_MS


def level_of(person: UserId, recipients: Sequence[Recipient]) -> Level | None:
    """Return the level of a reader of our message; None if anybody could read it.

    None where somebody else got its key too, such as a guest who was invited between the request
    and the message; where it is not known any more who got it: the room's session was replaced
    meanwhile, as it is when somebody left; and while the person's identity is another one than
    dealt with us, which nobody confirmed. ``VERIFIED`` only if all who got it are devices that
    the person's own identity signed, and that identity is the pinned one.

    Args:
        person: To whom the message was sent.
        recipients: Every device that got its key.
    """
    if not recipients or any(
        one.user_id != person or one.identity.is_doubted for one in recipients
    ):
        return None
    is_sure = all(
        one.is_known and one.identity.master_pinned is not None and one.is_cross_signed
        for one in recipients
    )
    return Level.VERIFIED if is_sure else Level.ROOM


def is_alive(used_at_ms: int, ends_at_ms: int, now_ms: int) -> bool:
    """Return whether a session goes on."""
    return now_ms < ends_at_ms and now_ms < used_at_ms + IDLE_MS_MAX


def secret_hash(secret: str) -> bytes | None:
    """Hash a link's secret or a request, for storage; None if it cannot be one."""
    return hash_of(secret) if _SECRET.fullmatch(secret) else None


def token_hash(token: str) -> bytes | None:
    """Hash a bearer token, for storage; None if it cannot be one."""
    return hash_of(token) if _TOKEN.fullmatch(token) else None


def is_session_id(text: str) -> bool:
    """Return whether it can be the id of a session."""
    return _SESSION_ID.fullmatch(text) is not None


def code_hash(sign_in_id: str, code: str) -> bytes:
    """Hash a code for storage. The hash does not hide it; a code is useless without the request."""
    digits = "".join(code.split())
    return hash_of(f"{sign_in_id} {digits}" if _CODE.fullmatch(digits) else "")


def user_id_of(text: str) -> UserId:
    """A Matrix user id as somebody typed it.

    Raises:
        MalformedError: It is none.
    """
    user_id = text.strip()
    if len(user_id.encode()) > MATRIX_ID_CHARACTERS_MAX or not _USER_ID.fullmatch(user_id):
        raise MalformedError("person", "should be a Matrix id, such as @alice:example.org")
    return UserId(user_id)


def hash_of(secret: str) -> bytes:
    """Hash a secret with enough randomness for storage: its SHA-256."""
    return hashlib.sha256(secret.encode()).digest()


# The first that is found counts: most browsers also say the names of those they descend from.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("Electron/", "Electron"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome/Chromium"),
    ("Epiphany/", "GNOME Web"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
)


def agent_of(user_agent: str) -> Agent:
    """Browser and system of a User-Agent header, in words of ours: nothing of it is passed on."""
    looked_at = user_agent[:AGENT_CHARACTERS_MAX]
    return Agent(_found(_BROWSERS, looked_at), _found(_SYSTEMS, looked_at))


def _found(table: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for mark, name in table if mark in text), "")
