"""Errands: work that must be done and cannot be done in a transaction, and timers.

An errand is a row, written in the transaction of its cause. Its handler *performs* it outside
transactions, as often as it takes, and *finishes* it in the transaction that removes the row. So a
perform must bear repetition, and a finish happens once. Several replicas share the rows; a lease
number makes an attempt that was overtaken finish nothing.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from veche.protocol.errors import RefusedError, UnavailableError
from veche.protocol.ids import EffectId
from veche.runtime import metrics
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.wake import Bell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.internet.interfaces import IReactorTime

    from veche.runtime.database import Cursor, Database
    from veche.runtime.tasks import Tasks

logger = logging.getLogger(__name__)

CHANNEL: Final = "veche_errand"
"""Where a new errand is announced to all processes."""
BATCH_MAX: Final = 8
"""Errands that one process performs at once."""
PERFORM_TIMEOUT_S: Final = 120.0
LEASE_MS: Final = 180_000
"""After which another process may try; longer than ``PERFORM_TIMEOUT_S``."""
RETRY_MS_MIN: Final = 1_000
RETRY_MS_MAX: Final = 300_000
POLL_MS: Final = 5_000
HAND_ON_MS: Final = 3_000
"""How long an errand is left to the process that speaks for its bot."""
OTHERS_MAX: Final = 1_000
PAYLOAD_BYTES_MAX: Final = 64 * 1024

_done = metrics.counter("veche_errands_total", "Errands by how they ended.", ["kind", "end"])


@attrs.frozen
class Errand:
    """Something to do.

    Attributes:
        id: Derived from its cause, so that a repeated cause makes the same errand.
        kind: Says which handler does it.
        payload: What the handler needs; JSON, at most ``PAYLOAD_BYTES_MAX``.
        due_at_ms: When, UTC; the past means at once.
    """

    id: EffectId
    kind: str
    payload: Mapping[str, Any]
    due_at_ms: int


class ErrandHandler(Protocol):
    """Does the errands of one kind."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        """Do it, outside transactions; it may be done again.

        Returns:
            What ``finish`` needs.

        Raises:
            RefusedError: It can never be done.
            Exception: Any other error: it is tried again, later and later.
        """

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:
        """Record that it is done, in the transaction that removes it."""

    def refused(self, txn: Cursor, errand: Errand, error: RefusedError, now_ms: int) -> None:
        """Record that it can never be done, in the transaction that removes it."""


def schedule(txn: Cursor, errand: Errand) -> None:
    """Write an errand down; the same id again changes nothing.

    Raises:
        ValueError: Its payload is over ``PAYLOAD_BYTES_MAX``.
    """
    payload = json.dumps(dict(errand.payload))
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"the payload of an errand has at most {PAYLOAD_BYTES_MAX} bytes")
    txn.execute(
        "WITH added AS ("
        " INSERT INTO runtime.errand (errand_id, kind, payload, due_at_ms)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT (errand_id) DO NOTHING RETURNING 1)"
        " SELECT pg_notify(%s, %s) FROM added",
        (errand.id, errand.kind, payload, errand.due_at_ms, CHANNEL, errand.kind),
    )


def cancel(txn: Cursor, errand_id: EffectId) -> None:
    """Forget an errand; what an attempt at work brings is dropped."""
    txn.execute("DELETE FROM runtime.errand WHERE errand_id = %s", (errand_id,))


@attrs.frozen
class _Leased:
    errand: Errand
    attempts: int
    lease: int


class Errands:
    """The loop that does errands of the kinds it has handlers for."""

    def __init__(
        self,
        database: Database,
        reactor: IReactorTime,
        tasks: Tasks,
        handlers: Mapping[str, ErrandHandler],
    ) -> None:
        """Make the loop.

        Args:
            database: Where the errands are.
            reactor: Clock.
            tasks: Carries the loop and the errands at work.
            handlers: By kind.
        """
        self._database = database
        self._reactor = reactor
        self._tasks = tasks
        self._handlers = dict(handlers)
        self._bell = Bell(reactor)
        self._working = 0
        self._others: dict[EffectId, int] = {}

    def wake(self, kind: str = "") -> None:
        """Look for errands now; ``kind`` is what was announced, empty for anything."""
        if not kind or kind in self._handlers:
            self._bell.ring()

    def start(self) -> None:
        """Begin; ends with the tasks."""
        if self._handlers:
            self._tasks.spawn("errands", self._loop())

    async def _loop(self) -> None:
        while True:
            delay_ms = POLL_MS
            try:
                delay_ms = await self._round()
            except UnavailableError as e:
                delay_ms = e.retry_after_ms
            await self._bell.wait(delay_ms)

    async def _round(self) -> int:
        """Start what is due; how long nothing more is."""
        room = BATCH_MAX - self._working
        if room <= 0:
            return POLL_MS
        now_ms = self._now_ms()
        self._others = {one: until for one, until in self._others.items() if until > now_ms}
        leased, next_at_ms = await self._database.run(
            "errands", _lease, list(self._handlers), list(self._others), now_ms, room
        )
        for one in leased:
            self._working += 1
            if not self._tasks.spawn(f"errand {one.errand.kind}", self._do(one)):
                self._working -= 1
        if len(leased) == room:
            return 0 if self._working < BATCH_MAX else POLL_MS
        return POLL_MS if next_at_ms is None else max(0, min(POLL_MS, next_at_ms - now_ms))

    async def _do(self, leased: _Leased) -> None:
        try:
            await self._attempt(leased)
        finally:
            self._working -= 1
            self._bell.ring()

    async def _attempt(self, leased: _Leased) -> None:
        errand = leased.errand
        handler = self._handlers[errand.kind]
        try:
            work = Deferred.fromCoroutine(handler.perform(errand))
            work.addTimeout(PERFORM_TIMEOUT_S, self._reactor)
            result = await work
            await self._database.run(
                "errand finished", _finish, handler, leased, result, self._now_ms()
            )
            _done.labels(errand.kind, "done").inc()
        except RefusedError as e:
            await self._database.run("errand refused", _refuse, handler, leased, e, self._now_ms())
            _done.labels(errand.kind, "refused").inc()
        except CancelledError:
            raise  # the process ends; the lease does too
        except Exception as e:  # noqa: BLE001 -- whatever it is, the errand stays to be done
            await self._again(leased, e)

    async def _again(self, leased: _Leased, error: Exception) -> None:
        delay_ms = retry_delay_ms(leased.attempts)
        if isinstance(error, LostWriterError):
            await self._hand_on(leased)
            return
        if isinstance(error, UnavailableError):
            delay_ms = max(delay_ms, min(error.retry_after_ms, RETRY_MS_MAX))
            logger.info("errand %s %s: %s", leased.errand.kind, leased.errand.id, error.errcode)
        elif isinstance(error, DeferredTimeoutError):
            logger.warning("errand %s %s took too long", leased.errand.kind, leased.errand.id)
        else:
            logger.error(
                "errand %s %s failed, attempt %d",
                leased.errand.kind,
                leased.errand.id,
                leased.attempts,
                exc_info=error,
            )
        _done.labels(leased.errand.kind, "again").inc()
        await self._database.run("errand again", _delay, leased, self._now_ms() + delay_ms)

    async def _hand_on(self, leased: _Leased) -> None:
        """Leave an errand to the process that speaks for its bot; nothing has failed."""
        now_ms = self._now_ms()
        if len(self._others) < OTHERS_MAX:
            self._others[leased.errand.id] = now_ms + HAND_ON_MS
        await self._database.run("errand handed on", _hand_on, leased, now_ms)

    def _now_ms(self) -> int:
        return int(self._reactor.seconds() * 1000)


def retry_delay_ms(attempts: int) -> int:
    """How long to wait after the ``attempts``-th failure: 1 s, doubling to 5 min."""
    return min(RETRY_MS_MAX, RETRY_MS_MIN << min(attempts - 1, 20))


def _lease(
    txn: Cursor, kinds: list[str], others: list[EffectId], now_ms: int, limit: int
) -> tuple[list[_Leased], int | None]:
    """Take what is due for this process, and when the next is."""
    txn.execute(
        "UPDATE runtime.errand AS e"
        " SET due_at_ms = %(until)s, lease = e.lease + 1, attempts = e.attempts + 1"
        " FROM (SELECT errand_id, due_at_ms FROM runtime.errand"
        "   WHERE kind = ANY(%(kinds)s) AND due_at_ms <= %(now)s"
        "     AND errand_id <> ALL(%(others)s)"
        "   ORDER BY due_at_ms LIMIT %(limit)s FOR UPDATE SKIP LOCKED) AS due"
        " WHERE e.errand_id = due.errand_id"
        " RETURNING e.errand_id, e.kind, e.payload, due.due_at_ms, e.attempts, e.lease",
        {
            "until": now_ms + LEASE_MS,
            "kinds": kinds,
            "others": others,
            "now": now_ms,
            "limit": limit,
        },
    )
    leased = [
        _Leased(Errand(EffectId(errand_id), kind, payload, due_at_ms), attempts, lease)
        for errand_id, kind, payload, due_at_ms, attempts, lease in txn.fetchall()
    ]
    txn.execute(
        "SELECT min(due_at_ms) FROM runtime.errand WHERE kind = ANY(%s) AND errand_id <> ALL(%s)",
        (kinds, others),
    )
    [(next_at_ms,)] = txn.fetchall()
    return leased, next_at_ms


def _remove(txn: Cursor, leased: _Leased) -> bool:
    """Remove an errand if this attempt still has it; whether it had."""
    txn.execute(
        "DELETE FROM runtime.errand WHERE errand_id = %s AND lease = %s",
        (leased.errand.id, leased.lease),
    )
    return txn.rowcount == 1


def _finish(
    txn: Cursor, handler: ErrandHandler, leased: _Leased, result: Mapping[str, Any], now_ms: int
) -> None:
    if _remove(txn, leased):
        handler.finish(txn, leased.errand, result, now_ms)


def _refuse(
    txn: Cursor, handler: ErrandHandler, leased: _Leased, error: RefusedError, now_ms: int
) -> None:
    if _remove(txn, leased):
        handler.refused(txn, leased.errand, error, now_ms)


def _hand_on(txn: Cursor, leased: _Leased, now_ms: int) -> None:
    """Make an errand due for the other processes, and let them know."""
    _delay(txn, leased, now_ms)
    txn.execute("SELECT pg_notify(%s, %s)", (CHANNEL, leased.errand.kind))


def _delay(txn: Cursor, leased: _Leased, due_at_ms: int) -> None:
    txn.execute(
        "UPDATE runtime.errand SET due_at_ms = %s WHERE errand_id = %s AND lease = %s",
        (due_at_ms, leased.errand.id, leased.lease),
    )
