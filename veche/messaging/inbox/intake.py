"""The way in: rows, and nothing else, in one transaction; acknowledged once it is committed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from veche.messaging.inbox import store
from veche.messaging.inbox.events import read_events
from veche.messaging.inbox.heartbeat import PushWatch
from veche.runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.messaging.inbox.worker import Worker
    from veche.protocol.ids import UserId
    from veche.runtime.database import Database

logger = logging.getLogger(__name__)

HEAL_EVENTS_MAX: Final = 2_000
"""New rows after which healing runs at once."""

_rows = metrics.counter("veche_inbox_rows_total", "Events stored, one for each bot.", ["source"])
_pushed = _rows.labels("pushed")
_malformed = metrics.counter("veche_inbox_malformed_total", "Pushed events that are none.")
_strays = metrics.counter(
    "veche_inbox_stray_total", "Pushes of events for rooms where no bot is known to be."
)


class Intake:
    """Stores what the homeserver pushes.

    Attributes:
        pushes: What was heard of it.
    """

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        bots: Collection[UserId],
        is_ours: Callable[[str], bool],
        worker: Worker,
    ) -> None:
        self._database = database
        self._reactor = reactor
        self._bots = frozenset(bots)
        self._is_ours = is_ours
        self._worker = worker
        self._rows_since_heal = 0
        self._heal: Callable[[str], None] = lambda _: None
        self.pushes = PushWatch(is_ours)

    def when_to_heal(self, heal: Callable[[str], None]) -> None:
        """Call ``heal`` with a reason when something may have been lost."""
        self._heal = heal

    async def take(self, events: Sequence[object]) -> None:
        """Store one push.

        Raises:
            UnavailableError: Nothing was stored; the homeserver shall send it again.
        """
        self.pushes.heard(events, int(self._reactor.seconds() * 1000))
        rows, malformed_count = read_events(events, self._is_ours)
        if malformed_count:
            _malformed.inc(malformed_count)
            logger.warning("%d pushed events are malformed and were passed over", malformed_count)
        if not rows:
            return
        added = await self._database.run(
            "intake",
            store.add,
            rows,
            store.Source.PUSHED,
            int(self._reactor.seconds() * 1000),
            local=self._bots,
            is_busy=self._worker.is_busy,
        )
        if added.row_count:
            _pushed.inc(added.row_count)
            self._worker.wake()
        self._count(rows_count=len(rows), added_count=added.row_count)

    def _count(self, *, rows_count: int, added_count: int) -> None:
        self._rows_since_heal += added_count
        if self._rows_since_heal >= HEAL_EVENTS_MAX:
            self._rows_since_heal = 0
            self._heal("volume")
        elif added_count == 0 and rows_count:
            # Sent before, or about rooms where we believe no bot to be: a join may be missing.
            _strays.inc()
            self._heal("stray")
