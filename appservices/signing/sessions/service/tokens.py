"""Links to one session as one party, or to the list of all that wait for one person.

A token is made, not kept: whoever knows the seed can tell whose it is. It shows and downloads; to
sign takes the person's own key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member
    from veche.protocol.ids import Ulid

SEED: Final = "signing.parties"
"""Purpose of the seed that the host gives for it."""
LIST_SEED: Final = "signing.lists"
"""The same, of links that open lists."""
MEETING_SEED: Final = "signing.meetings"
"""The same, of links by which a guest's phone comes in."""
CHARACTERS: Final = 32
_HEADER: Final = re.compile(r"(p[1-9][0-9]{0,2}) ([A-Za-z0-9_-]{32})")
_LIST_HEADER: Final = re.compile(r"([A-Za-z0-9_-]{1,400}) ([0-9]{1,16}) ([A-Za-z0-9_-]{32})")


@attrs.frozen
class ListLink:
    """The link to the list of all that wait for a person.

    Attributes:
        person: Whose list it is.
        until_ms: Until when it opens it, UTC.
        token: Shows that it is theirs.
        key: 32 bytes that decrypt the list; none: a request, which never has it.
    """

    person: str
    until_ms: int
    token: str = attrs.field(repr=False)
    key: bytes = attrs.field(default=b"", repr=False)

    @property
    def fragment(self) -> str:
        """Part behind the ``#`` of the page's address."""
        name = base64.urlsafe_b64encode(self.person.encode()).decode().rstrip("=")
        return f"all={name}&d={self.until_ms}&t={self.token}&k={key_text(self.key)}"


@attrs.frozen
class PartyToken:
    """The caller's token in a request.

    Attributes:
        party: Id of the party.
        token: As in the link.
    """

    party: str
    token: str = attrs.field(repr=False)


def token_of(seed: bytes, session: Ulid, member: Member) -> str:
    """The token of a party: 32 characters of base64url.

    Args:
        seed: 32 secret bytes, from ``host.seed(SEED)``.
        session: Id of the session.
        member: Of it. Another person in the same place has another token.
    """
    about = f"{session} {member.id} {member.person}".encode("utf-8", "surrogatepass")
    digest = hmac.digest(seed, about, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode()[:CHARACTERS]


def is_token(seed: bytes, session: Ulid, member: Member, token: str) -> bool:
    """Return whether it is the token of a party, found out in the same time whatever it is."""
    expected = token_of(seed, session, member)
    return hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogatepass"))


def meeting_token(seed: bytes, meeting: Ulid) -> str:
    """The token of the link that one phone may open.

    Args:
        seed: 32 secret bytes, from ``host.seed(MEETING_SEED)``.
        meeting: Id of the meeting.
    """
    digest = hmac.digest(seed, meeting.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode()[:CHARACTERS]


def key_text(key: bytes) -> str:
    """The key of a session as links have it: base64url without padding."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def read_header(header: str) -> PartyToken | None:
    """The header ``Veche-Party: <party> <token>``; None: it is none."""
    found = _HEADER.fullmatch(header.strip())
    return PartyToken(found[1], found[2]) if found else None


def list_link(seed: bytes, person: str, until_ms: int) -> ListLink:
    """The link that opens a person's list until a moment.

    Args:
        seed: 32 secret bytes, from ``host.seed(LIST_SEED)``.
        person: Matrix user id.
        until_ms: UTC.
    """
    about = f"{until_ms} {person}"
    digest = hmac.digest(seed, f"token {about}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    key = hmac.digest(seed, f"key {about}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    token = base64.urlsafe_b64encode(digest).decode()[:CHARACTERS]
    return ListLink(person, until_ms, token, key)


def read_list_header(header: str) -> ListLink | None:
    """The header ``Veche-List: <person> <until> <token>``, the person in base64url; None: none."""
    found = _LIST_HEADER.fullmatch(header.strip())
    if found is None:
        return None
    try:
        name = base64.b64decode(found[1] + "=" * (-len(found[1]) % 4), b"-_", validate=True)
        return ListLink(name.decode(), int(found[2]), found[3])
    except ValueError:
        return None
