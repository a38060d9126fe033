"""Whom somebody means who is to be paid, and what they are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from appservices.payments.core.names import name_of
from veche.protocol.ids import UserId
from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.matrix.registration import is_of_namespace

if TYPE_CHECKING:
    from collections.abc import Collection

    from veche.runtime.matrix.client import MatrixClient

_LOCALPART: Final = re.compile(r"[a-z0-9._=/+-]{1,255}")
_PERMALINK: Final = "https://matrix.to/#/"
_NOT_FOUND: Final = 404


def user_named(typed: str, bot: UserId) -> UserId | None:
    """The person of this server whom somebody typed: "bob", "@bob", "@bob:example.org", a link."""
    typed = _without_link(typed)
    server = bot.partition(":")[2]
    localpart, _, of_server = typed.removeprefix("@").casefold().partition(":")
    if (of_server or server) != server or not _LOCALPART.fullmatch(localpart):
        return None
    user_id = UserId(f"@{localpart}:{server}")
    return None if is_of_namespace(user_id, server) else user_id


def payee_named(typed: str, bot: UserId, servers: Collection[str]) -> UserId | None:
    """The same, or somebody of one of the other ``servers``: "@bob:other.example"."""
    address = _without_link(typed).removeprefix("@").casefold()
    localpart, _, server = address.partition(":")
    if server in servers and _LOCALPART.fullmatch(localpart):
        return UserId(f"@{localpart}:{server}")
    return user_named(typed, bot)


def server_named(typed: str, bot: UserId) -> str | None:
    """The other server that stands in what somebody typed; None if there is none."""
    server = _without_link(typed).casefold().partition(":")[2]
    return server if server and server != bot.partition(":")[2] else None


def _without_link(typed: str) -> str:
    if not typed.startswith(_PERMALINK):
        return typed
    return unquote(typed.removeprefix(_PERMALINK).partition("?")[0])


async def known_name(client: MatrixClient, bot: UserId, user_id: UserId) -> str | None:
    """What somebody of this server is called, as it is shown; None if there is nobody.

    Args:
        client: Of the process.
        bot: Who asks.
        user_id: Whose name.
    """
    try:
        profile = await client.call("GET", path("profile", user_id), user=bot)
    except MatrixError as e:
        if e.status == _NOT_FOUND:
            return None
        raise
    return name_of(user_id, str(profile.get("displayname") or ""))
