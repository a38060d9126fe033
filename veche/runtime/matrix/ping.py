"""Letting the homeserver know that we are back: it ends its waiting after failures."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import UnavailableError
from veche.runtime.matrix.client import MatrixError
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from veche.runtime.matrix.client import MatrixClient

logger = logging.getLogger(__name__)

PINGS_MAX: Final = 5
_RETRY_MS: Final = 1_000


async def ping(client: MatrixClient, reactor: IReactorTime, appservice_id: str) -> None:
    """Have the homeserver ping us; after ``PINGS_MAX`` failures it is only logged."""
    where = f"/_matrix/client/v1/appservice/{appservice_id}/ping"
    pause = WakeEvent(reactor)
    for _ in range(PINGS_MAX):
        try:
            await client.call("POST", where, body={})
        except (MatrixError, UnavailableError) as e:
            # The first one may meet a connection that our restart has closed.
            failure = e
            await pause.wait(_RETRY_MS)
        else:
            return
    logger.warning(
        "the homeserver cannot reach us at the `url` of the registration, so messages come"
        " late: %s",
        failure,
    )
