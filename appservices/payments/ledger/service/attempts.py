"""Attempts: how a transaction of the inbox, or of a page, has money moved.

It writes the new state of its flow and an attempt, which names the transfers, and ends. The process
that writes the ledger takes attempts in their order, and the answer to each is written into the
block that moves the money: the flow steps on, receipts leave through the outbox, the attempt is
gone. So a crash anywhere repeats harmlessly: the attempt is there or all of it has happened. It is
also how a process that does not write the ledger passes its work to the one that does.

An attempt that no block can have, or whose answer cannot be written, shows a bug of ours. It
becomes a dead letter and rests, with everything about the same thing, until an operator has it
tried again. An answer is tried a few times before that. Meanwhile the attempt rests in its table,
where it is in nobody's way.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError

from appservices.payments.ledger.service import gauges
from appservices.payments.ledger.service.work import BrokenWorkError, Outcome, Work
from appservices.payments.ledger.store import attempts as store
from appservices.payments.ledger.store.attempts import Attempt, add
from veche.access.approvals import revoked_among
from veche.messaging.jobs import retry_delay_ms
from veche.protocol.errors import UnavailableError
from veche.runtime import metrics
from veche.runtime.database.exclusive import is_trouble, sqlstate
from veche.runtime.leases import LeaseLoop
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.payments.ledger.service.writer import Writer
    from veche.runtime.database import Cursor
    from veche.runtime.process import Process

    Settle = Callable[[Cursor, Attempt, Outcome], None]
    Tell = Callable[[Cursor, Attempt, int], None]

__all__ = ["Attempt", "Attempts", "add"]

logger = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 1_000
"""Attempts that wait for the writer at once."""
FAILURES_MAX: Final = 3
"""How often an answer may fail to be written, before its attempt is a dead letter."""
POLL_MS: Final = 5_000

_done = metrics.counter(
    "veche_payment_attempts_total", "Attempts to move money, by how they ended.", ["kind", "end"]
)


class _GoneError(Exception):
    """The attempt was settled before."""


class _LaterError(Exception):
    """The effects of an answer cannot be written now; the writer is not to blame."""


class Attempts(LeaseLoop[tuple[Attempt, bool]]):
    """Gives attempts to the writer while it is of this process."""

    def __init__(
        self,
        host: Process,
        writer: Writer,
        settles: Mapping[str, Settle],
        tell: Tell | None = None,
    ) -> None:
        """Make it in the constructor of a service, since it listens to a channel.

        Args:
            host: What it lives in; it ends with it.
            writer: Decides.
            settles: By kind: writes what follows from the answer, in the block's transaction. If
                it raises, nothing has moved, and it is tried again, ``FAILURES_MAX`` times in all.
            tell: Tells those concerned of a dead letter, at a moment (UTC), in the transaction in
                which it becomes one; None: nobody is told.
        """
        self._host = host
        self._writer = writer
        self._settles = dict(settles)
        self._tell = tell
        self._paused_until_ms = 0
        # One more for the loop.
        tasks = Tasks(running_max=AT_ONCE_MAX + 1)
        super().__init__("attempts", host.reactor, tasks, at_once_max=AT_ONCE_MAX, poll_ms=POLL_MS)
        host.hear(store.CHANNEL, self.wake)
        host.at_stop(tasks.stop)
        writer.when_changed(lambda _: self.wake())

    def key(self, row: tuple[Attempt, bool]) -> str:
        """Return what an attempt is about: the writer works on one attempt about it at a time."""
        return row[0].about

    async def take(self, room: int) -> tuple[Sequence[tuple[Attempt, bool]], int]:
        """Read what waits for the writer, and what of it is revoked; how long nothing more is."""
        now_ms = self._host.now_ms()
        if not self._writer.is_leading or now_ms < self._paused_until_ms:
            return [], POLL_MS if not self._writer.is_leading else self._paused_until_ms - now_ms
        run = self._host.database.run
        waiting, revoked, due_ms = await run("attempts", _waiting, list(self.busy), room, now_ms)
        found = [(one, one.id in revoked) for one in waiting]
        return found, POLL_MS if due_ms is None else due_ms - now_ms

    async def work(self, row: tuple[Attempt, bool]) -> None:
        """Let the writer decide an attempt, and note how it ended."""
        (attempt, is_revoked), end = row, "settled"
        try:
            settle = self._settles[attempt.kind]
            rider = partial(_settle, attempt, settle)
            if attempt.flaw is not None:
                end = await self._bury(attempt, attempt.flaw)
            elif is_revoked or not (attempt.chain or attempt.accounts):
                nothing = Outcome((), self._host.now_ms(), (), None, is_revoked=is_revoked)
                await self._host.database.run("attempts.unmoved", rider, nothing)
            else:
                await self._writer.submit(Work(attempt.chain, rider, attempt.accounts))
        except _GoneError:
            end = "gone"
        except BrokenWorkError as e:
            end = await self._bury(attempt, str(e.__cause__ or e))
        except CancelledError:
            raise  # the process ends
        except UnavailableError as e:
            end = self._pause(e)
        except Exception as e:  # noqa: BLE001 -- it is logged there
            end = await self._failed(attempt, e)
        _done.labels(attempt.kind, end).inc()

    def _pause(self, error: UnavailableError) -> str:
        """Try nothing for a while: it would be the same for all."""
        self._paused_until_ms = self._host.now_ms() + error.retry_after_ms
        return "again"

    async def _failed(self, attempt: Attempt, error: Exception) -> str:
        """Let an attempt rest whose answer could not be written; too often, and it is dead."""
        failures, end = attempt.failures + 1, "again"
        if not (isinstance(error, _LaterError) or is_trouble(error)):
            end = "failed"
            logger.error("attempt %d (%s) failed", attempt.id, attempt.kind, exc_info=error)
            if failures >= FAILURES_MAX:
                return await self._bury(attempt, _why(error))
        due_at_ms = self._host.now_ms() + retry_delay_ms(failures)
        return await self._write(end, store.rest, attempt.id, failures, due_at_ms)

    async def _bury(self, attempt: Attempt, why: str) -> str:
        """Let it rest for a person to look at; what is to be noted."""
        now_ms = self._host.now_ms()
        try:
            await self._host.database.run("attempts.bury", _bury, attempt, why, now_ms, self._tell)
        except UnavailableError as e:
            return self._pause(e)
        except CancelledError:
            raise  # the process ends
        except Exception:
            # That it rests counts more than that somebody hears of it.
            logger.exception("nobody is told of attempt %d (%s)", attempt.id, attempt.kind)
            return await self._write("dead", _bury, attempt, why, now_ms, None)
        logger.error("attempt %d (%s) is a dead letter: %s", attempt.id, attempt.kind, why)
        return "dead"

    async def _write(self, end: str, work: Callable[..., None], *args: object) -> str:
        """Write how an attempt ended; what is to be noted."""
        try:
            await self._host.database.run("attempts.end", work, *args)
        except UnavailableError as e:
            return self._pause(e)
        return end


def _bury(txn: Cursor, attempt: Attempt, why: str, now_ms: int, tell: Tell | None) -> None:
    store.bury(txn, attempt.id, why, now_ms)
    if tell is not None:
        tell(txn, attempt, now_ms)


def _why(error: Exception) -> str:
    """Shorten an error for an operator; all of it may hold what somebody wrote."""
    text = f": {error}" if sqlstate(error) else ", see the log for the rest"
    return f"its answer cannot be written: {type(error).__name__}{text}"


def _waiting(
    txn: Cursor, but_about: Sequence[str], limit: int, now_ms: int
) -> tuple[Sequence[Attempt], frozenset[int], int | None]:
    """Return what is due, the ids of those whose key is revoked, and when the next one is due."""
    gauges.dead_letters.set(store.count_dead(txn))
    found = store.waiting(txn, but_about, limit, now_ms)
    return found, revoked_of(txn, found), store.next_due_ms(txn, now_ms)


def revoked_of(txn: Cursor, waiting: Sequence[Attempt]) -> frozenset[int]:
    """Return the ids of attempts of which a key that approved them is revoked now."""
    nonces = {nonce for one in waiting for nonce in one.approved_by}
    void = revoked_among(txn, nonces)
    return frozenset(one.id for one in waiting if not void.isdisjoint(one.approved_by))


def _settle(attempt: Attempt, settle: Settle, txn: Cursor, outcome: Outcome) -> None:
    """The rider of an attempt: it is settled once."""
    if not store.remove(txn, attempt.id):
        raise _GoneError
    try:
        settle(txn, attempt, outcome)
    except UnavailableError as e:
        raise _LaterError from e
