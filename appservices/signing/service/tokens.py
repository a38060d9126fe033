"""What a party's link opens: one session, as that party, for that person.

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
    from appservices.signing.core.records import Member
    from veche.protocol.ids import Ulid

SEED: Final = "signing.parties"
"""Purpose of the seed that the host gives for it."""
CHARACTERS: Final = 32
_HEADER: Final = re.compile(r"(p[1-9][0-9]{0,2}) ([A-Za-z0-9_-]{32})")


@attrs.frozen
class PartyToken:
    """What a request says of who asks.

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
    """Whether it is the token of a party, found out in the same time whatever it is."""
    expected = token_of(seed, session, member)
    return hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogatepass"))


def key_text(key: bytes) -> str:
    """The key of a session as links have it: base64url without padding."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def read_header(header: str) -> PartyToken | None:
    """The header ``Veche-Party: <party> <token>``; None: it is none."""
    found = _HEADER.fullmatch(header.strip())
    return PartyToken(found[1], found[2]) if found else None
