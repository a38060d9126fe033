"""Hearing for ever what became of something at another service."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.errors import RefusedError, UnavailableError
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

REFUSED_AGAIN_MS: Final = 60_000
"""How long to wait after the other service refused to tell what happened."""


async def hear_on(reactor: Any, what: str, round_: Callable[[], Awaitable[None]]) -> None:
    """Ask for news again and again; while there is no answer, wait and say so in the log.

    Args:
        reactor: Its clock.
        what: Of what there is news, for the log: ``the fees of town``.
        round_: Asks once, and does what the answer says.
    """
    pause = WakeEvent(reactor)
    while True:
        try:
            await round_()
        except UnavailableError as e:
            logger.info("%s: %s", what, e)
            await pause.wait(e.retry_after_ms)
        except RefusedError:
            logger.exception("nothing is heard of %s", what)
            await pause.wait(REFUSED_AGAIN_MS)
