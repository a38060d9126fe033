"""Whom somebody means who is to sign, and what they are called."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from appservices.signing.core.records import NAME_CHARACTERS_MAX
from veche.protocol.approval import showable
from veche.protocol.ids import MATRIX_ID_CHARACTERS_MAX, UserId
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.registration import is_of_namespace

if TYPE_CHECKING:
    from veche.runtime.matrix.client import MatrixClient

ME: Final = frozenset({"me", "я", "ich", "мене", "меня"})
_LOCALPART: Final = re.compile(r"[a-z0-9._=/+-]{1,255}")
_SERVER: Final = re.compile(r"[a-z0-9.-]{1,230}(?::[0-9]{1,5})?")
_PERMALINK: Final = "https://matrix.to/#/"
_NOT_FOUND: Final = frozenset({403, 404})


def user_named(typed: str, bot: UserId, me: UserId) -> UserId | None:
    """The person whom somebody typed: "bob", "@bob:example.org", a link, "me"; None: nobody.

    Args:
        typed: One word.
        bot: Names without a server are of its server.
        me: Who typed it.
    """
    if typed.startswith(_PERMALINK):
        typed = unquote(typed.removeprefix(_PERMALINK).partition("?")[0])
    elif typed.casefold() in ME:
        return me
    home = bot.partition(":")[2]
    localpart, _, server = typed.removeprefix("@").casefold().partition(":")
    server = server or home
    if not _LOCALPART.fullmatch(localpart) or not _SERVER.fullmatch(server):
        return None
    user_id = UserId(f"@{localpart}:{server}")
    is_ours = server == home and is_of_namespace(user_id, home)
    return None if is_ours or len(user_id) > MATRIX_ID_CHARACTERS_MAX else user_id


async def known_name(client: MatrixClient, bot: UserId, user_id: UserId) -> str | None:
    """What somebody is called, as it is shown; None if there is nobody.

    Args:
        client: Of the process.
        bot: Who asks.
        user_id: Whose name.
    """
    try:
        profile = await client.call("GET", path("profile", user_id), user=bot)
    except MatrixError as e:
        if e.status in _NOT_FOUND:
            return None
        raise
    return name_of(user_id, str(profile.get("displayname") or ""))


def name_of(person: UserId, chosen: str) -> str:
    """The name of a person: the one they chose if it can be shown, else that of their account.

    A chosen one with an at sign would pass for the address of somebody else.
    """
    name = " ".join(showable(chosen).split())[:NAME_CHARACTERS_MAX]
    if not name or "@" in unicodedata.normalize("NFKC", name):
        return person.removeprefix("@").partition(":")[0][:NAME_CHARACTERS_MAX]
    return name
