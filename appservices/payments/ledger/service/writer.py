"""The single writer of a shard: which process it is, and what waits for it.

The advisory lock says who tries. The epoch, checked in each commit, makes safe what the lock cannot
see: a session lost unawares, a process that was stopped between two statements. A writer that does
nothing any more has its session ended by those who stand by, and only then the epoch goes up.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred

from appservices.payments.ledger.core.port import FencedError
from appservices.payments.ledger.service import gauges
from appservices.payments.ledger.service.sessions import PostgresSessions
from appservices.payments.ledger.service.shift import Shift
from appservices.payments.ledger.service.work import Queue
from veche.protocol.errors import UnavailableError
from veche.runtime.database import CommitUnknownError
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.payments.ledger.service.batch import Batch, Expired
    from appservices.payments.ledger.service.sessions import Sessions, WritersLedger
    from appservices.payments.ledger.service.work import Outcome, Work

logger = logging.getLogger(__name__)

STAND_BY_MS: Final = 1_000
"""How often a process that is not the writer tries to become it."""
STALL_MS: Final = 5_000
"""After which a writer that does nothing any more has its session ended."""
UNKNOWN_MS_MAX: Final = 30_000
"""How long works wait while the database does not answer; then their callers are told."""

_RETRY_MS: Final = 1_000


class Writer:
    """Writes one shard in whichever process holds its lock; in the others it stands by.

    Attributes:
        is_leading: Whether this process is the writer.
    """

    def __init__(
        self,
        sessions: str | Sessions,
        reactor: Any,
        *,
        shard: int = 0,
        holder: str = "",
        expired: Expired | None = None,
    ) -> None:
        """Nothing is connected before ``start``.

        Args:
            sessions: Where PostgreSQL is, but not through a pooler that hands a session to several
                clients; or what to write with instead.
            reactor: Clock and results.
            shard: Which one.
            holder: Where this process is to be found, kept for others.
            expired: Told of holds that ended by themselves, in the transaction of their block.
        """
        self.is_leading = False
        self._reactor = reactor
        self._holder = holder
        self._expired = expired
        self._sessions: Sessions = (
            PostgresSessions(sessions, reactor, shard) if isinstance(sessions, str) else sessions
        )
        self._reads, self._writes = self._sessions.reads, self._sessions.writes
        self._queue = Queue()
        self._shift: Shift | None = None
        self._unknown: Batch | None = None
        self._lost_at_ms: int | None = None
        self._wake = WakeEvent(reactor)
        self._watchers: list[Callable[[bool], None]] = []
        self._running: Deferred[None] | None = None
        self._is_stopping = False

    def when_changed(self, changed: Callable[[bool], None]) -> None:
        """Have ``changed`` called when this process becomes the writer, and when it ends to be."""
        self._watchers.append(changed)

    def start(self) -> None:
        """Become the writer, or stand by, until ``stop``."""
        self._running = Deferred.fromCoroutine(self._run())

    async def stop(self) -> None:
        """Commit what is decided, refuse what waits, give the lock back."""
        self._is_stopping = True
        self._wake.set()
        if self._shift is not None:
            self._shift.end()
        if self._running is not None:
            await self._running
        self._reads.end()
        self._writes.end()

    def submit(self, work: Work) -> Deferred[Outcome]:
        """Have transfers decided and committed; the answer comes after the commit.

        Args:
            work: The same ids again get the same answers.

        Raises:
            BusyError: Too much waits; nothing was moved. At once, as the next one.
            UnavailableError: Another process writes, or nobody does at present; nothing was moved.
            CommitUnknownError: Whether it was moved is not known: ask again with the same ids.
            BrokenWorkError: The database refuses it, which is a bug; nothing was moved.
            Exception: What its rider raised; nothing was moved.
        """
        if self._shift is None or not self.is_leading:
            raise _moving()
        entry = self._queue.add(work)
        self._shift.ring()
        return entry.answer

    async def _run(self) -> None:
        while not self._is_stopping:
            delay_ms = STAND_BY_MS
            try:
                await self._serve()
            except UnavailableError as e:
                logger.warning("writing the ledger: %s", e)
                delay_ms = e.retry_after_ms
            except FencedError:
                logger.warning("another process writes the ledger now")
            except Exception:
                logger.exception("writing the ledger")
            finally:
                await self._step_down()
            await self._wake.wait(delay_ms)
        self._refuse()

    async def _serve(self) -> None:
        """Stand by, take over, write until that is over."""
        await self._writes.open()
        while not await self._writes.run(self._sessions.try_lock, STALL_MS):
            self._refuse()
            await self._wake.wait(STAND_BY_MS)
            if self._is_stopping:
                return
        await self._reads.open()
        ledger = self._sessions.ledger()
        place = await self._writes.run(lambda _: ledger.take_over(self._holder))
        shift = Shift(self._sessions, ledger, place, self._queue, self._reactor, self._expired)
        beating = Deferred.fromCoroutine(shift.beat())
        try:
            await self._answer_unknown(ledger)
            await shift.load()
            self._sessions.hurry()
            self._shift, self._lost_at_ms = shift, None
            gauges.take_overs.inc()
            gauges.epoch.set(place.epoch)
            logger.info("this process writes the ledger, in epoch %d", place.epoch)
            self._change(is_leading=True)
            if not self._is_stopping:
                await shift.serve()
        finally:
            self._unknown = self._unknown or shift.unknown
            shift.finish()
            await beating

    async def _answer_unknown(self, ledger: WritersLedger) -> None:
        """Find out what became of the block during whose commit the session was lost."""
        batch, self._unknown = self._unknown, None
        if batch is None:
            return
        try:
            is_kept = await self._writes.run(lambda _: _is_kept(ledger, batch))
        except BaseException:
            self._unknown = batch
            raise
        if is_kept:
            for entry, outcome in zip(batch.entries, batch.outcomes, strict=True):
                entry.end(outcome)
        else:
            self._queue.put_back(batch.entries)

    async def _step_down(self) -> None:
        self._shift = None
        gauges.epoch.set(0)
        if self.is_leading:
            self._change(is_leading=False)
        await self._reads.close()
        await self._writes.close()
        now_ms = self._now_ms()
        if self._lost_at_ms is None:
            self._lost_at_ms = now_ms
        if now_ms - self._lost_at_ms > UNKNOWN_MS_MAX:
            self._refuse()

    def _refuse(self) -> None:
        """Answer all that waits: this process does not write."""
        batch, self._unknown = self._unknown, None
        for entry in batch.entries if batch is not None else ():
            entry.fail(CommitUnknownError("not yet known: ask again", retry_after_ms=_RETRY_MS))
        self._queue.refuse(_moving)

    def _change(self, *, is_leading: bool) -> None:
        self.is_leading = is_leading
        for changed in self._watchers:
            changed(is_leading)

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)


def _is_kept(ledger: WritersLedger, batch: Batch) -> bool:
    """Return whether a block is there, in the thread of the session that commits."""
    return batch.block is not None and ledger.head(batch.block.content.seq) == batch.block.head


def _moving() -> UnavailableError:
    return UnavailableError(
        "payments are moving to another process: try again soon", retry_after_ms=_RETRY_MS
    )
