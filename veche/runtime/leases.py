"""The one loop that works on rows that are due: jobs, webhooks, attempts to move money.

Rows are taken in a transaction, a bounded number of them is worked on at once, and the loop sleeps
until more are due, some work has ended, or a notification wakes it.

The inbox and the outbox have loops of their own, since this one would cost each message two more
transactions: an inbox row is taken, acted on and ended in one transaction, and what it says is
handed to the outbox in memory, which asks the database for no due room after it.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

Row = TypeVar("Row")


class LeaseLoop(ABC, Generic[Row]):
    """Takes rows and works on them, at most one of each key at once."""

    def __init__(
        self, name: str, reactor: IReactorTime, tasks: Tasks, *, at_once_max: int, poll_ms: int
    ) -> None:
        """Make the loop; nothing is taken before ``start``.

        Args:
            name: Of the loop, for logs and metrics.
            reactor: Clock.
            tasks: Carries the loop and the rows at work.
            at_once_max: How many rows are worked on at once.
            poll_ms: How long the loop sleeps at most.
        """
        self._name = name
        self._tasks = tasks
        self._at_once_max = at_once_max
        self._poll_ms = poll_ms
        self._wake = WakeEvent(reactor)
        self._busy: set[str] = set()

    @abstractmethod
    async def take(self, room: int) -> tuple[Sequence[Row], int]:
        """Take at most ``room`` due rows; return them, and how long no other is due, in ms."""

    @abstractmethod
    async def work(self, row: Row) -> None:
        """Work on a row and give it back; errors are handled here."""

    @abstractmethod
    def key(self, row: Row) -> str:
        """Return what a row is about."""

    def label(self, _row: Row) -> str:
        """Name the work on a row, for logs and metrics; one of few fixed words."""
        return self._name.removesuffix("s")

    @property
    def busy(self) -> Collection[str]:
        """Keys of the rows that are worked on."""
        return self._busy

    def wake(self, _announced: str = "") -> None:
        """Look for due rows now."""
        self._wake.set()

    def start(self) -> None:
        """Begin with what was left over; ends with the tasks."""
        trouble = f"reading the {self._name} failed; trying again later"
        self._tasks.spawn(self._name, self._wake.repeat(self._round, self._poll_ms, trouble))

    async def _round(self) -> int:
        """Begin with what is due; return how long nothing more is."""
        room = self._at_once_max - len(self._busy)
        if room <= 0:
            return self._poll_ms
        rows, delay_ms = await self.take(room)
        for row in rows:
            key = self.key(row)
            if key not in self._busy:
                self._busy.add(key)
                if not self._tasks.spawn(self.label(row), self._do(key, row)):
                    self._busy.discard(key)
        if len(rows) >= room:
            return 0 if len(self._busy) < self._at_once_max else self._poll_ms
        return max(0, min(self._poll_ms, delay_ms))

    async def _do(self, key: str, row: Row) -> None:
        try:
            await self.work(row)
        finally:
            self._busy.discard(key)
            self._wake.set()
