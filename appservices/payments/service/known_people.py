"""Whether whom an organisation names over HTTP has an account here.

The homeserver is asked only of those who never spoke with the bot, and not waited for: while it
gives no answer, everybody is taken as known, so that no request fails with it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred, gatherResults

from appservices.payments.service.peers import server_of
from appservices.payments.store import chats
from veche.chat.people.names import chosen_name
from veche.protocol.ids import UserId
from veche.runtime.matrix.client import MatrixError
from veche.runtime.web.http_client import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.payments.service.conversation import Parts
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)

Strangers = frozenset[str]
"""Addresses of this homeserver that nobody has there."""
LOOK_S: Final = 3.0
"""How long the homeserver is waited for."""


async def unknown_among(parts: Parts, people: Iterable[str]) -> Strangers:
    """Those of this homeserver who have no account there.

    Args:
        parts: Of the institution.
        people: Addresses; those of other servers are nobody's business here.
    """
    server = server_of(parts.bot.user_id)
    here = {UserId(one) for one in people if server_of(UserId(one)) == server}

    def strangers(txn: Cursor) -> list[UserId]:
        return sorted(one for one in here if not chats.chats_of(txn, one))

    asked = await parts.host.database.run("payments.known", strangers)
    looks = [Deferred.fromCoroutine(_is_unknown(parts, one)) for one in asked]
    found = await gatherResults(looks, consumeErrors=True)
    return frozenset(one for one, is_unknown in zip(asked, found, strict=True) if is_unknown)


async def _is_unknown(parts: Parts, person: UserId) -> bool:
    bot = parts.bot.user_id
    try:
        return await chosen_name(parts.host.client, bot, person, timeout_s=LOOK_S) is None
    except (MatrixError, NoAnswerError) as e:
        logger.info("the homeserver does not say who is there: %s", e)
        return False
