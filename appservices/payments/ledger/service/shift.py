"""The time in which this process writes a shard of the ledger.

Whatever has queued up while the last block was committed is the next block: no timer. One session
looks up, the other holds the lock and commits; each has its thread. Where some works wait, half of
them are committed while the other half is answered and decided anew, so that neither the database
nor this process waits for the other. With less, larger blocks and sooner answers come of waiting,
and one thread decides and commits, so that a block costs two changes of threads and not four.

A rider may refuse its work: the block is taken back and decided again without it. If the database
refused the block (a bug of ours), fewer works come into the next ones, until the one to blame is
alone; holds that end by themselves come in blocks of their own meanwhile, since no work is to blame
for them. Any other failure ends the shift, with its sessions and its book; the next one finds out
whether the last block was kept.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred

from appservices.payments.ledger.core.book import Book
from appservices.payments.ledger.core.port import FencedError
from appservices.payments.ledger.core.results import Result
from appservices.payments.ledger.core.values import ROWS_MAX, Names
from appservices.payments.ledger.service import gauges
from appservices.payments.ledger.service.batch import Batch, Link, RiderError, decide, ride
from appservices.payments.ledger.service.work import BrokenWorkError
from veche.protocol.errors import UnavailableError
from veche.runtime.database import LostError, is_trouble, sqlstate
from veche.runtime.wake_event import WakeEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from twisted.internet.interfaces import IReactorTime

    from appservices.payments.ledger.core.port import Place
    from appservices.payments.ledger.service.batch import Expired
    from appservices.payments.ledger.service.sessions import Sessions, WritersLedger
    from appservices.payments.ledger.service.work import Entry, Queue
    from veche.runtime.database import Connection

logger = logging.getLogger(__name__)

PIPELINE_FROM: Final = 16
"""How much must wait or be under way for a block to be decided while another is committed. The two
that 16 come in cost the database as much as one costs it and this process in turn."""
HEARTBEAT_MS: Final = 1_000
"""How often an idle writer looks whether it still is one; others see by it that it lives."""
CONFLICTS_MAX: Final = 5
"""How often a work may meet a conflict with other transactions."""
LOADED_MAX: Final = 50_000
"""Accounts that are looked up at once as a shift begins."""

_STOPPED_MS: Final = 5_000
_CONFLICTS: Final = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock time-out (PostgreSQL, appendix A)."""


class _NotTriedError(Exception):
    """The block before it was not kept."""


class Shift:
    """Decides and commits what waits, until it is ended or another writer takes over.

    Attributes:
        unknown: What was being committed as the shift ended.
        is_over: Whether ``finish`` was called.
    """

    def __init__(
        self,
        sessions: Sessions,
        store: WritersLedger,
        place: Place,
        queue: Queue,
        reactor: IReactorTime,
        expired: Expired | None,
    ) -> None:
        """The book is read by ``serve``.

        Args:
            sessions: One looks up and decides, one holds the lock and commits.
            store: On both sessions.
            place: Where the shard stands, taken over.
            queue: What waits.
            reactor: Clock.
            expired: Told in the transaction of a block in which holds expired.
        """
        self.unknown: Batch | None = None
        self._reads, self._writes = sessions.reads, sessions.writes
        self._store = store
        self._queue = queue
        self._reactor = reactor
        self._expired = expired
        self.is_over = False
        self._wake = WakeEvent(reactor)
        self._rest = WakeEvent(reactor)
        self._lost: Exception | None = None
        self._book = Book(
            at_ms=place.at_ms,
            transfer_at_ms=place.transfer_at_ms,
            account_at_ms=place.account_at_ms,
        )
        self._link = Link(store.shard, place.epoch, place.seq, place.head)
        self._is_careful = False  # riders run one apart from the other
        self._is_stuck = False  # a commit failed; taken back once none waits behind it
        self._decided: list[Batch] = []
        self._commits: deque[Deferred[None]] = deque()  # of those decided, in their order
        self._forget_count = 0
        self._seen_at_ms = self._now_ms()
        self._is_ending = False

    def ring(self) -> None:
        """Something waits."""
        self._wake.set()

    def end(self) -> None:
        """Commit what is decided, then return from ``serve``."""
        self._is_ending = True
        self._wake.set()

    async def load(self) -> None:
        """Read the open holds and their accounts, and which id is the newest.

        Raises:
            UnavailableError: The session was lost.
        """
        await self._reads.run(self._load)

    async def beat(self) -> None:
        """Look now and then whether we still are the writer, from the take-over to ``is_over``.

        Also while the holds are read, which may take long: others see by it that we live.
        """
        while not self.is_over:
            await self._rest.wait(HEARTBEAT_MS)
            if not self.is_over and self._now_ms() - self._seen_at_ms >= HEARTBEAT_MS:
                try:
                    await self._writes.run(self._check)
                except Exception as e:  # noqa: BLE001 -- whatever it is, the shift has to end
                    self._lost = _ended(e)
                    self._wake.set()
                    return
                self._seen_at_ms = self._now_ms()

    def finish(self) -> None:
        """End the beating too."""
        self.is_over = True
        self._rest.set()

    async def serve(self) -> None:
        """Write until ``end``; ``load`` comes first. What was not answered waits again.

        Raises:
            FencedError: Another writer took over.
            UnavailableError: Another shift has to begin, after a while.
        """
        try:
            while not self._is_ending:
                await self._do_what_waits()
                await self._wake.wait(self._pause_ms())
                if self._lost is not None:
                    raise self._lost
        finally:
            for batch in self._decided:
                self._queue.put_back(batch.entries)

    async def _do_what_waits(self) -> None:
        while (self._queue.size or self._is_due()) and not self._is_ending:
            if not self._is_much():
                await self._settle_all()
                await self._decide_and_keep()
                continue
            await self._decide_next()
            if len(self._commits) > 1:
                await self._settle()
        await self._settle_all()

    def _is_much(self) -> bool:
        """Return whether to decide the next block while another one is committed."""
        return self._queue.size >= (PIPELINE_FROM // 2 if self._commits else PIPELINE_FROM)

    async def _decide_and_keep(self) -> None:
        """The next block, at once; no other is being committed."""
        entries, expiries_max = self._take()
        try:
            batch, error = await self._writes.call(
                self._decide_and_write, entries, self._now_ms(), expiries_max
            )
        except Exception as e:
            cause = await self._cause_of(e)
            self._give_back(entries, cause)
            raise _ended(cause) from e
        self._add(batch)
        await self._settle_with(error)

    async def _decide_next(self) -> None:
        under_way = sum(entry.size for batch in self._decided for entry in batch.entries)
        entries, expiries_max = self._take((self._queue.size + under_way + 1) // 2)
        try:
            batch = await self._reads.run(self._decide, entries, self._now_ms(), expiries_max)
        except Exception as e:
            # The book is not whole any more, but what it had decided before is sound.
            cause = await self._cause_of(e)
            self._give_back(entries, cause)
            await self._settle_all()
            raise _ended(cause) from e
        self._add(batch)
        self._commits.append(Deferred.fromCoroutine(self._keep(batch)))

    def _take(self, size_max: int = ROWS_MAX) -> tuple[list[Entry], int]:
        """The works of the next block, and how many holds may end by themselves in it."""
        queue = self._queue
        if not queue.is_apart:
            return queue.take(size_max), ROWS_MAX
        queue.has_expired = self._is_due() and not queue.has_expired
        return ([], queue.expiries_max) if queue.has_expired else (queue.take(size_max), 0)

    def _add(self, batch: Batch) -> None:
        self._decided.append(batch)
        self._link = batch.after
        gauges.waiting.set(self._queue.size)

    async def _settle_all(self) -> None:
        while self._commits:
            await self._settle()

    async def _settle(self) -> None:
        """Wait for the oldest commit that is under way, and answer its works."""
        error: Exception | None = None
        try:
            await self._commits.popleft()
        except Exception as e:  # noqa: BLE001 -- what it means is said in one place
            error = e
            while self._commits:  # none of them was tried, whatever they raise
                with contextlib.suppress(Exception):
                    await self._commits.popleft()
        await self._settle_with(error)

    async def _settle_with(self, error: Exception | None) -> None:
        """Answer the works of the block whose commit is over, or what follows from its error."""
        if error is None:
            batch = self._decided.pop(0)
            self._seen_at_ms = self._now_ms()
            self._answer(batch)
            return
        self._is_stuck = False
        if isinstance(error, RiderError):
            await self._without(error)
            return
        if not _is_refused(error):
            self.unknown = self._decided.pop(0)
            raise _ended(error) from error
        cause = await self._cause_of(error)
        if not _is_refused(cause):
            raise _ended(cause) from error
        batch = self._decided[0]
        if isinstance(cause, LostError) and not self._is_careful:
            self._is_careful = True
            self._queue.put_back(batch.entries)
        else:
            self._search(batch.entries, [row.pending_id or "" for row in batch.expired], cause)
        await self._take_all_back(batch.entries)

    async def _cause_of(self, error: Exception) -> Exception:
        """Why deciding or keeping a block failed.

        Who is no longer the writer looks up what its book does not know of, and stumbles: that is
        no bug, and nobody's work is to blame.
        """
        if _is_refused(error):
            try:
                await self._writes.run(self._check)
            except Exception as e:  # noqa: BLE001 -- it is the cause
                return e
        return error

    async def _keep(self, batch: Batch) -> None:
        await self._writes.run(self._write, batch)

    def _answer(self, batch: Batch) -> None:
        self._queue.grow(has_works=bool(batch.entries))
        self._is_careful = False
        if batch.block is not None:
            gauges.blocks.inc()
            self._forget_count += 1
        results = [result for outcome in batch.outcomes for result in outcome.results]
        # Nearly all are this, and to hash each takes longer than to count them.
        gauges.result(Result.CREATED.word).inc(results.count(Result.CREATED))
        others = Counter(result for result in results if result is not Result.CREATED)
        for result, count in others.items():
            gauges.result(result.word).inc(count)
        gauges.holds.set(len(self._book.holds))
        gauges.ahead_ms.set(max(0, self._book.at_ms - self._now_ms()))
        for entry, outcome in zip(batch.entries, batch.outcomes, strict=True):
            entry.end(outcome)

    async def _without(self, error: RiderError) -> None:
        """Take back all that is decided, and let it wait again but for the works to blame."""
        self._is_careful = True
        failed = []
        for entry, cause in error.causes.items():
            entry.tries += 1
            if sqlstate(cause) not in _CONFLICTS or entry.tries >= CONFLICTS_MAX:
                failed.append(entry)
                entry.fail(cause)
        await self._take_all_back(failed)

    async def _take_all_back(self, but: Collection[Entry]) -> None:
        """Let all works that are decided wait again, except those that do so or are answered."""
        decided, self._decided = self._decided, []
        answered = set(but)
        for batch in decided:
            self._queue.put_back([one for one in batch.entries if one not in answered])
        await self._reads.run(self._take_back, sum(batch.block is not None for batch in decided))
        self._link = decided[0].before

    def _give_back(self, entries: Sequence[Entry], error: Exception) -> None:
        """Let works wait again that could not be decided; find the one that is to blame."""
        if not _is_refused(error):
            self._queue.put_back(entries)
        elif entries and not self._queue.is_apart:
            self._queue.is_apart = True
            self._queue.put_back(entries)
        else:
            self._search(entries, [], error)

    def _search(self, entries: Sequence[Entry], holds: Sequence[str], error: Exception) -> None:
        """Find what breaks a block: a work of it, or a hold that ends by itself in it."""
        queue = self._queue
        if entries and holds:
            queue.is_apart = True
            queue.put_back(entries)
        elif entries:
            culprit = queue.bisect(entries)
            if culprit is not None:
                ids = [transfer.id for transfer in culprit.work.chain]
                logger.error("the ledger does not take %s, which is a bug", ids, exc_info=error)
                gauges.broken.inc()
                broken = BrokenWorkError("the ledger does not take it: a mistake of ours")
                broken.__cause__ = error
                culprit.fail(broken)
        elif holds:
            queue.is_apart = True
            hold_id = queue.bisect_holds(holds)
            if hold_id is not None:
                logger.error("hold %s cannot end, which is a bug", hold_id, exc_info=error)
                gauges.broken.inc()
                self._book.leave_open([hold_id])
        else:
            logger.error("holds that are over break a block, which is a bug", exc_info=error)

    def _is_due(self) -> bool:
        due_ms = self._book.next_expiry_ms
        return due_ms is not None and due_ms <= self._now_ms()

    def _pause_ms(self) -> int:
        due_ms = self._book.next_expiry_ms
        until_ms = HEARTBEAT_MS if due_ms is None else due_ms - self._now_ms()
        return 0 if self._is_ending else max(0, min(HEARTBEAT_MS, until_ms))

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)

    # In the thread of one of the sessions; the others leave the book alone meanwhile.

    def _load(self, _: Connection) -> None:
        self._book.leave_open(self._queue.left_open)
        self._book.expect_above(self._store.newest_id())
        holds = self._store.holds()
        accounts = list({id_ for row in holds for id_ in (row.debit_id, row.credit_id)})
        for first in range(0, len(accounts), LOADED_MAX):
            names = Names(accounts=accounts[first : first + LOADED_MAX])
            self._book.learn(self._store.look_up(names))
        for row in holds:
            self._book.open_hold(row)

    def _decide(
        self, _: Connection, entries: Sequence[Entry], now_ms: int, expiries_max: int
    ) -> Batch:
        with gauges.decide_s.time():
            self._forget()
            return decide(self._book, self._store, entries, self._link, now_ms, expiries_max)

    def _take_back(self, _: Connection, count: int) -> None:
        self._forget()
        for _number in range(count):
            self._book.undo()

    def _forget(self) -> None:
        for _ in range(self._forget_count):
            self._book.forget()
        self._forget_count = 0

    # In the thread of ``writes``.

    def _decide_and_write(
        self, entries: Sequence[Entry], now_ms: int, expiries_max: int
    ) -> tuple[Batch, Exception | None]:
        """A batch, and what its commit raised; what deciding it raises goes through."""
        batch = self._reads.use(self._decide, entries, now_ms, expiries_max)
        try:
            self._writes.use(self._write, batch)
        except Exception as e:  # noqa: BLE001 -- the reactor's thread says what it means
            return batch, e
        return batch, None

    def _write(self, connection: Connection, batch: Batch) -> None:
        if self._is_stuck:
            raise _NotTriedError
        self._is_stuck = True
        apart = self._store.apart if self._is_careful else None
        riders = partial(ride, batch, self._expired, apart=apart) if batch.has_riders else None
        with gauges.commit_s.time():
            if batch.block is not None:
                self._store.commit(batch.block, riders, batch.sending)
            else:
                # Nothing is new: no commit says whether the book still knows all that there is.
                self._check(connection)
                if riders is not None:
                    self._store.ride(riders)
        self._is_stuck = False

    def _check(self, _: Connection) -> None:
        if self._store.epoch() != self._link.epoch:
            raise FencedError("another writer took over")


def _is_refused(error: Exception) -> bool:
    """Return whether the ledger or the database refused the block and kept nothing."""
    if isinstance(error, UnavailableError | FencedError):
        return False
    return not is_trouble(error)


def _ended(error: Exception) -> Exception:
    """Why the shift ends."""
    if isinstance(error, UnavailableError | FencedError):
        return error
    delay_ms = 0 if _is_refused(error) else _STOPPED_MS
    return UnavailableError("the ledger is read anew", retry_after_ms=delay_ms)
