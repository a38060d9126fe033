"""JobRunner: work that must be done and cannot be done in a transaction, and timers.

A job is a row, written in the transaction of its cause. Its handler *performs* it outside
transactions, as often as it takes, and *finishes* it in the transaction that removes the row. So a
perform must bear repetition, and a finish happens once. Several replicas share the rows; a lease
number makes an attempt that was overtaken finish nothing. What a process was at that is gone is
begun again at once, where others can see that it is gone; else once its lease is over.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from veche.messaging.jobs import store
from veche.messaging.jobs.store import Leased
from veche.protocol.errors import NotYetError, RefusedError, UnavailableError
from veche.protocol.ids import EffectId
from veche.runtime import metrics
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.leases import LeaseLoop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twisted.internet.interfaces import IReactorTime

    from veche.messaging.jobs.store import Job
    from veche.runtime.database import Cursor, Database
    from veche.runtime.database.presence import Presence
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

BATCH_MAX: Final = 8
"""JobRunner that one process performs at once, of those that may cost memory or CPU."""
JOINS_MAX: Final = 32
"""Chats that one process joins at once: it only waits for the homeserver, as the people do."""
JOIN_SUFFIX: Final = ".join"
"""How the kinds of jobs end that join a chat."""
PERFORM_TIMEOUT_S: Final = 120.0
RETRY_MS_MIN: Final = 1_000
RETRY_MS_MAX: Final = 300_000
POLL_MS: Final = 5_000
LOOK_MS: Final = 5_000
"""How often it is looked for jobs of processes that are gone."""
HAND_ON_MS: Final = 3_000
"""How long a job is left to the process that speaks for its bot."""
OTHERS_MAX: Final = 1_000
NOT_YET_ATTEMPTS: Final = 5
"""Attempts after which what was not granted yet counts as refused: some 15 s later."""

_done = metrics.counter("veche_errands_total", "Errands by how they ended.", ["kind", "end"])


class JobHandler(Protocol):
    """Does the jobs of one kind."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        """Do it, outside transactions; it may be done again.

        Returns:
            What ``finish`` needs.

        Raises:
            RefusedError: It can never be done.
            NotYetError: It cannot be done; asked ``NOT_YET_ATTEMPTS`` times, it never can.
            Exception: Any other error: it is tried again, later and later.
        """

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        """Record that it is done, in the transaction that removes it."""

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Record that it can never be done, in the transaction that removes it."""
        return


class JobRunner(LeaseLoop[Leased]):
    """The loop that does jobs of the kinds it has handlers for."""

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        tasks: Tasks,
        handlers: Mapping[str, JobHandler],
        presence: Presence | None = None,
        *,
        at_once_max: int = BATCH_MAX,
    ) -> None:
        """Make the loop.

        Args:
            database: Where the jobs are.
            reactor: Clock.
            tasks: Carries the loop and the jobs at work.
            handlers: By kind.
            presence: By what others see that this process lives; None: they do not.
            at_once_max: How many jobs it performs at once.
        """
        self._presence = presence
        self._looked_at_ms: int | None = None
        self._database = database
        self._reactor = reactor
        self._handlers = dict(handlers)
        super().__init__("errands", reactor, tasks, at_once_max=at_once_max, poll_ms=POLL_MS)
        self._others: dict[EffectId, int] = {}

    def wake(self, kind: str = "") -> None:
        """Look for jobs now; ``kind`` is what was announced, empty for anything."""
        if not kind or kind in self._handlers:
            super().wake()

    def start(self) -> None:
        """Begin; ends with the tasks."""
        if self._handlers:
            super().start()

    async def take(self, room: int) -> tuple[Sequence[Leased], int]:
        """Lease what is due; also how long nothing more is."""
        now_ms = self._now_ms()
        self._others = {one: until for one, until in self._others.items() if until > now_ms}
        kinds = list(self._handlers)
        if self._looked_at_ms is None or not 0 <= now_ms - self._looked_at_ms < LOOK_MS:
            await self._database.run("errands of others", store.free, kinds, now_ms)
            self._looked_at_ms = now_ms
        worker = self._presence.shown_number if self._presence is not None else None
        # Those at work too: what is leased here and not begun would wait until its lease ends. A
        # job that orders itself again may be due before this loop knows that it has ended.
        others = [*self._others, *map(EffectId, self.busy)]
        leased, next_at_ms = await self._database.run(
            "errands", store.lease, kinds, others, now_ms, room, worker
        )
        return leased, POLL_MS if next_at_ms is None else next_at_ms - now_ms

    def key(self, row: Leased) -> str:
        """The job."""
        return row.job.id

    def label(self, _row: Leased) -> str:
        """Its kind."""
        return f"errand {_row.job.kind}"

    async def work(self, row: Leased) -> None:
        """Perform and finish a job, or leave it to be done later."""
        leased = row
        job = leased.job
        handler = self._handlers[job.kind]
        try:
            work = Deferred.fromCoroutine(handler.perform(job))
            work.addTimeout(PERFORM_TIMEOUT_S, self._reactor)
            result = await work
            await self._database.run(
                "errand finished", _finish, handler, leased, result, self._now_ms()
            )
            _done.labels(job.kind, "done").inc()
        except RefusedError as e:
            if isinstance(e, NotYetError) and leased.attempts < NOT_YET_ATTEMPTS:
                await self._again(leased, e)
                return
            # Whatever refused it, nobody does it any more: that must not pass in silence.
            logger.warning("errand %s %s is refused: %s", job.kind, job.id, e.errcode, exc_info=e)
            await self._database.run("errand refused", _refuse, handler, leased, e, self._now_ms())
            _done.labels(job.kind, "refused").inc()
        except CancelledError:
            raise  # the process ends; the lease does too
        except Exception as e:  # noqa: BLE001 -- whatever it is, the job stays to be done
            await self._again(leased, e)

    async def _again(self, leased: Leased, error: Exception) -> None:
        delay_ms = retry_delay_ms(leased.attempts)
        if isinstance(error, LostWriterError):
            await self._hand_on(leased)
            return
        if isinstance(error, NotYetError):
            logger.info("errand %s %s: not yet", leased.job.kind, leased.job.id)
        elif isinstance(error, UnavailableError):
            delay_ms = max(delay_ms, min(error.retry_after_ms, RETRY_MS_MAX))
            logger.info("errand %s %s: %s", leased.job.kind, leased.job.id, error.errcode)
        elif isinstance(error, DeferredTimeoutError):
            logger.warning("errand %s %s took too long", leased.job.kind, leased.job.id)
        else:
            logger.error(
                "errand %s %s failed, attempt %d",
                leased.job.kind,
                leased.job.id,
                leased.attempts,
                exc_info=error,
            )
        _done.labels(leased.job.kind, "again").inc()
        await self._database.run("errand again", store.delay, leased, self._now_ms() + delay_ms)

    async def _hand_on(self, leased: Leased) -> None:
        """Leave a job to the process that speaks for its bot; nothing has failed."""
        now_ms = self._now_ms()
        if len(self._others) < OTHERS_MAX:
            self._others[leased.job.id] = now_ms + HAND_ON_MS
        await self._database.run("errand handed on", store.hand_on, leased, now_ms)

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)


class JobRunners:
    """The loops of one process: chats are joined at once, however many heavy jobs wait."""

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        tasks: Tasks,
        handlers: Mapping[str, JobHandler],
        presence: Presence,
    ) -> None:
        """Make them; the arguments are those of ``JobRunner``."""
        joins = {kind: one for kind, one in handlers.items() if kind.endswith(JOIN_SUFFIX)}
        others = {kind: one for kind, one in handlers.items() if kind not in joins}
        self._loops = (
            JobRunner(database, reactor, tasks, joins, presence, at_once_max=JOINS_MAX),
            JobRunner(database, reactor, tasks, others, presence),
        )

    def wake(self, kind: str = "") -> None:
        """As ``JobRunner.wake``."""
        for loop in self._loops:
            loop.wake(kind)

    def start(self) -> None:
        """Begin; ends with the tasks."""
        for loop in self._loops:
            loop.start()


def retry_delay_ms(attempts: int) -> int:
    """How long to wait after the ``attempts``-th failure: 1 s, doubling to 5 min."""
    return min(RETRY_MS_MAX, RETRY_MS_MIN << min(attempts - 1, 20))


def _finish(
    txn: Cursor, handler: JobHandler, leased: Leased, result: Mapping[str, Any], now_ms: int
) -> None:
    if store.remove(txn, leased):
        handler.finish(txn, leased.job, result, now_ms)


def _refuse(
    txn: Cursor, handler: JobHandler, leased: Leased, error: RefusedError, now_ms: int
) -> None:
    if store.remove(txn, leased):
        handler.refused(txn, leased.job, error, now_ms)
