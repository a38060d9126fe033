"""Display names of people on this server, and on others that it can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.runtime.matrix.client import TIMEOUT_S, MatrixError, path

if TYPE_CHECKING:
    from veche.protocol.ids import UserId
    from veche.runtime.matrix.client import MatrixClient

_NOT_FOUND: Final = frozenset({403, 404})


async def chosen_name(
    client: MatrixClient, bot: UserId, user_id: UserId, *, timeout_s: float = TIMEOUT_S
) -> str | None:
    """The name in somebody's profile, as it stands there; None if there is nobody."""
    try:
        profile = await client.call("GET", path("profile", user_id), user=bot, timeout_s=timeout_s)
    except MatrixError as e:
        if e.status in _NOT_FOUND:
            return None
        raise
    return str(profile.get("displayname") or "")
