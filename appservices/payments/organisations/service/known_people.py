"""Check that a person named by an organisation over HTTP has an account here.

The homeserver is asked only of those who never spoke with the bot, and not waited for: while it
gives no answer, everybody is taken as known, so that no request fails with it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred, gatherResults

from appservices.payments.conversation import store as chats
from appservices.payments.peers.service.peers import server_of
from veche.chat.people.names import chosen_name
from veche.protocol.errors import MalformedError
from veche.protocol.ids import UserId
from veche.runtime.matrix.client import MatrixError
from veche.runtime.matrix.registration import is_of_namespace
from veche.runtime.web.http_client import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from appservices.payments.conversation.service.conversation import Conversation, Parts
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


def check_currency(scene: Conversation, currency: str, where: str) -> None:
    """Refuse a currency that is not kept here.

    Raises:
        MalformedError: It is none; the text names those that are.
    """
    if currency not in scene.section.currencies:
        here = ", ".join(scene.section.currencies)
        raise MalformedError(where, f"this currency is not kept here; here are: {here}")


def check_person(scene: Conversation, address: str, where: str, strangers: Strangers) -> None:
    """Refuse whoever cannot be asked anything here.

    Args:
        scene: The transaction.
        address: Of whom.
        where: The field that names them.
        strangers: Who has no account here.

    Raises:
        MalformedError: They are of another homeserver, a bot, or nobody.
    """
    server = scene.sender.bot.user_id.partition(":")[2]
    is_here = address.partition(":")[2] == server
    if not is_here or is_of_namespace(UserId(address), server):
        raise MalformedError(where, "should be a person of this homeserver")
    if address in strangers:
        raise MalformedError(where, "nobody has this address here: look at how it is written")
