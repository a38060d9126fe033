"""Names of people, and look-up of a person by typed text."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from veche.protocol.approval import NAME_CHARACTERS_MAX, showable
from veche.protocol.ids import MATRIX_ID_CHARACTERS_MAX, UserId

_LOCALPART: Final = re.compile(r"[a-z0-9._=/+-]{1,255}")
_SERVER: Final = re.compile(r"[a-z0-9.-]{1,230}(?::[0-9]{1,5})?")
_PERMALINK: Final = "https://matrix.to/#/"


def name_of(person: UserId, chosen: str, characters_max: int = NAME_CHARACTERS_MAX) -> str:
    """The name of a person: the one they chose if it can be shown, else that of their account.

    A chosen one with an at sign would pass for the address of somebody else beside it.

    Args:
        person: Whose.
        chosen: As their profile has it; may be empty.
        characters_max: How long it may be; the rest is left out.
    """
    name = " ".join(showable(chosen).split())[:characters_max]
    if not name or "@" in unicodedata.normalize("NFKC", name):
        return person.removeprefix("@").partition(":")[0][:characters_max]
    return name


def person_named(typed: str, home: str) -> UserId | None:
    """Return the person typed as "bob", "@bob", "@bob:example.org" or a link; None: nobody.

    Args:
        typed: One word.
        home: The server of names without one.
    """
    localpart, server = named(typed)
    user_id = UserId(f"@{localpart}:{server or home}")
    is_id = _LOCALPART.fullmatch(localpart) and _SERVER.fullmatch(server or home)
    return user_id if is_id and len(user_id) <= MATRIX_ID_CHARACTERS_MAX else None


def named(typed: str) -> tuple[str, str]:
    """The account and the server that somebody typed; each may be empty, or not be one."""
    if typed.startswith(_PERMALINK):
        typed = unquote(typed.removeprefix(_PERMALINK).partition("?")[0])
    localpart, _, server = typed.removeprefix("@").casefold().partition(":")
    return localpart, server
