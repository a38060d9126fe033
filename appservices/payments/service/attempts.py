"""Attempts: how a transaction of the inbox, or of a page, has money moved.

It writes the new state of its flow and an attempt, which names the transfers, and ends. The process
that writes the ledger takes attempts in their order, and the answer to each is written into the
block that moves the money: the flow steps on, receipts leave through the outbox, the attempt is
gone. So a crash anywhere repeats harmlessly: the attempt is there or all of it has happened. It is
also how a process that does not write the ledger passes its work to the one that does.

What no block can have is a bug of ours: it becomes a dead letter, rests, and with it all that is
about the same thing, until an operator has it tried again.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import CancelledError

from appservices.payments.service import gauges
from appservices.payments.service.work import BrokenWorkError, Outcome, Work
from appservices.payments.store import attempts as store
from appservices.payments.store.attempts import Attempt, add
from veche.protocol.errors import UnavailableError
from veche.runtime import metrics
from veche.runtime.errands import RETRY_MS_MAX, retry_delay_ms
from veche.runtime.tasks import Tasks
from veche.runtime.wake import Bell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from appservices.payments.service.writer import Writer
    from veche.runtime.approvals import Approvals
    from veche.runtime.database import Cursor
    from veche.runtime.host import Host

    Settle = Callable[[Cursor, Attempt, Outcome], None]
    Tell = Callable[[Cursor, Attempt, int], None]

__all__ = ["Attempt", "Attempts", "add"]

logger = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 1_000
"""Attempts that wait for the writer at once, or rest after a failure."""
POLL_MS: Final = 5_000

_done = metrics.counter(
    "veche_payment_attempts_total", "Attempts to move money, by how they ended.", ["kind", "end"]
)


class _GoneError(Exception):
    """The attempt was settled before."""


class Attempts:
    """Gives attempts to the writer while it is of this process."""

    def __init__(
        self,
        host: Host,
        writer: Writer,
        settles: Mapping[str, Settle],
        tell: Tell | None = None,
    ) -> None:
        """Make it in the constructor of a service, since it listens to a channel.

        Args:
            host: What it lives in; it ends with it.
            writer: Decides.
            settles: By kind: writes what follows from the answer, in the block's transaction. If
                it raises, nothing has moved, and it is tried again, later and later.
            tell: Tells those concerned of a dead letter, at a moment (UTC), in the transaction in
                which it becomes one; None: nobody is told.
        """
        self._host = host
        self._writer = writer
        self._settles = dict(settles)
        self._tell = tell
        self._bell = Bell(host.reactor)
        # By what they are about: in the hands of the writer (None), or resting until a moment.
        self._busy: dict[str, int | None] = {}
        self._failures: dict[int, int] = {}
        # One more for the loop.
        self._tasks = Tasks(running_max=AT_ONCE_MAX + 1)
        host.hear(store.CHANNEL, lambda _: self._bell.ring())
        host.at_stop(self._tasks.stop)
        writer.when_changed(lambda _: self._bell.ring())

    def start(self) -> None:
        """Begin with what was left over; ends with the host."""
        self._tasks.spawn("attempts", self._loop())

    async def _loop(self) -> None:
        while True:
            delay_ms = POLL_MS
            if self._writer.is_leading:
                try:
                    delay_ms = await self._round()
                except UnavailableError as e:
                    delay_ms = e.retry_after_ms
            await self._bell.wait(delay_ms)

    async def _round(self) -> int:
        """Give the writer what waits; how long nothing more is to be done."""
        now_ms = self._host.now_ms()
        self._busy = {
            about: until for about, until in self._busy.items() if until is None or until > now_ms
        }
        room = AT_ONCE_MAX - len(self._busy)
        if room <= 0:
            return POLL_MS
        run, approvals = self._host.database.run, self._host.approvals
        waiting, revoked = await run("attempts", _waiting, approvals, list(self._busy), room)
        for attempt in waiting:
            # Only the first of those about the same thing: the next one comes when it is over.
            if attempt.about not in self._busy:
                self._busy[attempt.about] = None
                self._tasks.spawn("attempt", self._try(attempt, is_revoked=attempt.id in revoked))
        rests = [until for until in self._busy.values() if until is not None]
        return max(0, min([POLL_MS, *(until - now_ms for until in rests)]))

    async def _try(self, attempt: Attempt, *, is_revoked: bool) -> None:
        end, delay_ms = "settled", 0
        try:
            settle = self._settles[attempt.kind]
            rider = partial(_settle, attempt, settle)
            if is_revoked:
                refused = Outcome((), self._host.now_ms(), (), None, is_revoked=True)
                await self._host.database.run("attempts.revoked", rider, refused)
            else:
                await self._writer.submit(Work(attempt.chain, rider, attempt.accounts))
        except _GoneError:
            end = "gone"
        except BrokenWorkError as e:
            end, delay_ms = await self._bury(attempt, e)
        except CancelledError:
            raise  # the process ends
        except UnavailableError as e:
            end, delay_ms = "again", e.retry_after_ms
        except Exception:
            failures = self._failures.get(attempt.id, 0) + 1
            self._failures[attempt.id] = failures
            end, delay_ms = "failed", retry_delay_ms(failures)
            logger.exception("attempt %s about %s failed", attempt.kind, attempt.about)
        _done.labels(attempt.kind, end).inc()
        if delay_ms:
            self._busy[attempt.about] = self._host.now_ms() + min(delay_ms, RETRY_MS_MAX)
        else:
            self._failures.pop(attempt.id, None)
            del self._busy[attempt.about]
        self._bell.ring()

    async def _bury(self, attempt: Attempt, error: BrokenWorkError) -> tuple[str, int]:
        """Let it rest for a person to look at; what is to be noted, and when it is tried again."""
        why, run = str(error.__cause__ or error), self._host.database.run
        now_ms = self._host.now_ms()
        try:
            await run("attempts.bury", _bury, attempt, why, now_ms, self._tell)
        except UnavailableError as e:
            return "again", e.retry_after_ms
        except Exception:
            # That it rests counts more than that somebody hears of it.
            logger.exception("nobody is told of attempt %s about %s", attempt.kind, attempt.about)
            return await self._bury_quietly(attempt, why, now_ms)
        logger.error("attempt %s about %s is a dead letter", attempt.kind, attempt.about)
        return "dead", 0

    async def _bury_quietly(self, attempt: Attempt, why: str, now_ms: int) -> tuple[str, int]:
        try:
            await self._host.database.run("attempts.bury", _bury, attempt, why, now_ms, None)
        except UnavailableError as e:
            return "again", e.retry_after_ms
        except Exception:  # then it goes on as before: later and later
            logger.exception("attempt %s about %s cannot rest", attempt.kind, attempt.about)
            return "failed", RETRY_MS_MAX
        return "dead", 0


def _bury(txn: Cursor, attempt: Attempt, why: str, now_ms: int, tell: Tell | None) -> None:
    store.bury(txn, attempt.id, why, now_ms)
    if tell is not None:
        tell(txn, attempt, now_ms)


def _waiting(
    txn: Cursor, approvals: Approvals, but_about: Sequence[str], limit: int
) -> tuple[Sequence[Attempt], frozenset[int]]:
    gauges.dead_letters.set(store.count_dead(txn))
    found = store.waiting(txn, but_about, limit)
    return found, revoked_of(txn, approvals, found)


def revoked_of(txn: Cursor, approvals: Approvals, waiting: Sequence[Attempt]) -> frozenset[int]:
    """Return the ids of attempts of which a key that approved them is revoked now."""
    nonces = {nonce for one in waiting for nonce in one.approved_by}
    void = approvals.revoked_among(txn, nonces)
    return frozenset(one.id for one in waiting if not void.isdisjoint(one.approved_by))


def _settle(attempt: Attempt, settle: Settle, txn: Cursor, outcome: Outcome) -> None:
    """The rider of an attempt: it is settled once."""
    if not store.remove(txn, attempt.id):
        raise _GoneError
    settle(txn, attempt, outcome)
