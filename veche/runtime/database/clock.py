"""The time by which processes agree: the database's.

Leases, deadlines and what is due are moments in rows that one process writes and others compare
with theirs: a single fast clock would put things off for all of them, or take what is another's. So
each process asks the database what time it is, and counts on from there by a clock that nobody
sets. Its own clock is only compared, so that somebody mends it.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.runtime import metrics
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.runtime.database.transactions import Cursor, Database
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

LOOK_MS: Final = 10_000
SLACK_S: Final = 0.1
"""Differences that are left alone: time shall not go to and fro by what a trip takes."""
WRONG_S_MIN: Final = 1.0
"""Difference of the machine's own clock that somebody should know of."""

_ahead_s = metrics.gauge(
    "veche_clock_ahead_seconds", "How far the machine's clock is ahead of the database's."
)


@attrs.frozen
class Reading:
    """The database's time between two readings of another clock; seconds, UTC."""

    before_s: float
    database_s: float
    after_s: float

    def ahead_s(self) -> float:
        """How far the other clock is ahead, as near as the trip lets one know."""
        return (self.before_s + self.after_s) / 2 - self.database_s

    def is_right(self) -> bool:
        """Return whether the other clock may be right, up to ``SLACK_S``."""
        return self.before_s - SLACK_S <= self.database_s <= self.after_s + SLACK_S


class SharedClock:
    """A reactor whose time is the database's, once it was asked; all else is the reactor's own."""

    def __init__(self, reactor: Any, ticks_s: Callable[[], float] = time.monotonic) -> None:
        """Begin with the reactor's time.

        Args:
            reactor: Clock, network and threads.
            ticks_s: Seconds since any moment; nobody sets it, so it never jumps.
        """
        self._reactor = reactor
        self._ticks_s = ticks_s
        self._offset_s: float = reactor.seconds() - ticks_s()
        self._is_wrong = False

    def seconds(self) -> float:
        """The time, UTC, seconds."""
        return self._ticks_s() + self._offset_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    async def follow(self, database: Database, tasks: Tasks) -> None:
        """Take the database's time now, and again every ``LOOK_MS`` until the tasks end.

        Raises:
            UnavailableError: The database does not answer.
        """
        await self._look(database)
        again = LOOK_MS, "the clock goes on by itself"
        look = partial(self._look, database)
        tasks.spawn("clock", WakeEvent(self._reactor).repeat(look, *again, first_ms=LOOK_MS))

    async def _look(self, database: Database) -> None:
        ours, machines = await database.run("clock", _read, self.seconds, self._reactor.seconds)
        if not ours.is_right():
            self._offset_s -= ours.ahead_s()
        self._tell(machines)

    def _tell(self, machines: Reading) -> None:
        ahead_s = machines.ahead_s()
        _ahead_s.set(ahead_s)
        is_wrong = not machines.is_right() and abs(ahead_s) >= WRONG_S_MIN
        if is_wrong and not self._is_wrong:
            logger.warning(
                "the clock of this machine is %.1f s %s the database's, which counts: have both"
                " set by NTP",
                abs(ahead_s),
                "ahead of" if ahead_s > 0 else "behind",
            )
        self._is_wrong = is_wrong


def database_ms(txn: Cursor) -> int:
    """The time by the database, UTC, for a command that writes it into rows."""
    return int(_seconds(txn) * 1000)


def _read(
    txn: Cursor, ours: Callable[[], float], machines: Callable[[], float]
) -> tuple[Reading, Reading]:
    before, machines_before = ours(), machines()
    database_s = _seconds(txn)
    after, machines_after = ours(), machines()
    return (
        Reading(before, database_s, after),
        Reading(machines_before, database_s, machines_after),
    )


def _seconds(txn: Cursor) -> float:
    txn.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
    [(seconds,)] = txn.fetchall()
    return float(seconds)
