"""Wake-up of a sleeping loop by a signal in the process or a notification.

A signal is a hint as everything else: each loop also looks by itself, seldom.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred

from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from twisted.internet.interfaces import IReactorTime

logger = logging.getLogger(__name__)


class WakeEvent:
    """A wake-up for one loop; a signal while the loop works is kept, so none is missed."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._sleeper: Deferred[None] | None = None
        self._is_set = False

    def set(self) -> None:
        """End the sleep, or the next one."""
        self._is_set = True
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            sleeper.callback(None)

    async def wait(self, delay_ms: int) -> None:
        """Sleep until it is set, at most ``delay_ms``."""
        if not self._is_set and delay_ms > 0:
            sleeper = self._sleeper = Deferred(self._forget)
            alarm = self._reactor.callLater(delay_ms / 1000, self._time_up, sleeper)
            try:
                await sleeper
            finally:
                if alarm.active():
                    alarm.cancel()
        self._is_set = False

    async def repeat(
        self,
        work: Callable[[], Awaitable[int | None]],
        every_ms: int,
        trouble: str,
        *,
        first_ms: int = 0,
    ) -> None:
        """Do something again and again, also after it has failed; end with the process.

        Args:
            work: Is done; it returns how long to sleep, None: ``every_ms``.
            every_ms: How long it sleeps at most.
            trouble: What the log says if it fails.
            first_ms: How long it sleeps before the first time.
        """
        await self.wait(first_ms)
        while True:
            delay_ms = None
            try:
                delay_ms = await work()
            except UnavailableError as e:
                logger.info("%s: %s", trouble, e)
                delay_ms = min(e.retry_after_ms, every_ms)
            except CancelledError:
                raise  # the process ends
            except Exception:
                logger.exception("%s", trouble)
            await self.wait(every_ms if delay_ms is None else delay_ms)

    def _time_up(self, sleeper: Deferred[None]) -> None:
        if self._sleeper is sleeper:
            self._sleeper = None
            sleeper.callback(None)

    def _forget(self, _sleeper: Deferred[None]) -> None:
        self._sleeper = None
