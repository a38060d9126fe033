"""Names and pictures of bots at the homeserver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from veche.runtime.matrix.client import MatrixError, path
from veche.runtime.web.http_client import AnswerTooLargeError

if TYPE_CHECKING:
    from veche.messaging.service import BotAccount
    from veche.protocol.ids import UserId
    from veche.runtime.matrix.client import MatrixClient


async def show_profile(client: MatrixClient, bot: BotAccount) -> None:
    """Give a bot its name and its picture, unless it has them.

    Pictures are compared byte by byte, so that none is uploaded twice.

    Raises:
        MatrixError: The homeserver refused.
        NoAnswerError: There was no answer.
    """
    user, picture = bot.user_id, bot.avatar
    if await _known(client, user, "displayname") != bot.display_name:
        await _show(client, user, "displayname", bot.display_name)
    if picture is None:
        return
    mxc = await _known(client, user, "avatar_url")
    if not isinstance(mxc, str) or not await _is_at(client, user, mxc, picture):
        mxc = await client.upload(picture, user=user, content_type="image/png")
        await _show(client, user, "avatar_url", mxc)


async def _known(client: MatrixClient, user: UserId, field: str) -> Any:
    try:
        return (await client.call("GET", path("profile", user, field), user=user)).get(field)
    except MatrixError as e:
        if e.status != 404:  # noqa: PLR2004 -- HTTP: there is none
            raise
        return None


async def _show(client: MatrixClient, user: UserId, field: str, value: str) -> None:
    await client.call("PUT", path("profile", user, field), user=user, body={field: value})


async def _is_at(client: MatrixClient, user: UserId, mxc: str, picture: bytes) -> bool:
    try:
        return await client.download(mxc, user=user, bytes_max=len(picture)) == picture
    except (MatrixError, AnswerTooLargeError):
        return False  # it is lost, or another one
