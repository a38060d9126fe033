"""Wiping what is in clear of cases that ended long ago: answers, texts, keys of files."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError

from appservices.agency import store
from appservices.agency.core.wiping import wiped
from veche.protocol.errors import VecheError
from veche.runtime import metrics
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.protocol.ids import UserId
    from veche.runtime.database import Cursor
    from veche.runtime.process import Process

logger = logging.getLogger(__name__)

INTERVAL_MS: Final = 3_600_000
CASES_AT_ONCE: Final = 50
"""Cases that one transaction wipes."""
ROUNDS_MAX: Final = 200
"""Transactions of one office in one go; the rest waits for the next."""

_wiped = metrics.counter("veche_agency_wiped_total", "Cases whose content was wiped.")


class Wiping:
    """The hourly loop; several replicas do no harm to one another."""

    def __init__(self, host: Process, kept_ms: Mapping[UserId, int]) -> None:
        """Make it.

        Args:
            host: What it lives in.
            kept_ms: By the bot of an office: how long after its end a case is kept whole.
        """
        self._host = host
        self._kept_ms = kept_ms

    def start(self) -> None:
        """Begin; ends with the host."""
        self._host.spawn("agency.wiping", self._loop())

    async def tidy(self) -> None:
        """Wipe what is old enough, in batches."""
        now_ms = self._host.now_ms()
        for bot, kept_ms in self._kept_ms.items():
            for _ in range(ROUNDS_MAX):
                count = await self._host.database.run(
                    "agency.wiping", wipe, bot, now_ms - kept_ms, now_ms
                )
                _wiped.inc(count)
                if not count:
                    break

    async def _loop(self) -> None:
        pause = WakeEvent(self._host.reactor)
        while True:
            await pause.wait(INTERVAL_MS)
            try:
                await self.tidy()
            except VecheError as e:
                logger.warning("no case is wiped: %s", e)
            except CancelledError:
                raise
            except Exception:
                logger.exception("no case is wiped")


def wipe(txn: Cursor, bot: UserId, before_ms: int, now_ms: int) -> int:
    """Wipe cases of an office that ended before a moment; how many, at most a batch."""
    files = store.cases_to_wipe(txn, bot, before_ms, CASES_AT_ONCE)
    for file in files:
        store.keep_wiped(txn, file, wiped(file.case, now_ms))
    return len(files)
