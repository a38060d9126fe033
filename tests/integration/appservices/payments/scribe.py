"""The writer of the ledger, one block at a time and at the moment that the test says."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.cases import jobs as setting_aside
from appservices.payments.ledger.core.book import Book
from appservices.payments.ledger.service.attempts import revoked_of
from appservices.payments.ledger.service.batch import Link, decide, ride
from appservices.payments.ledger.service.work import Entry, Outcome, Work
from appservices.payments.ledger.store import attempts as store
from appservices.payments.ledger.store.ledger import PostgresLedger
from appservices.payments.paying.service import held, settling
from appservices.payments.postings.service import moving
from veche.runtime.database import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from appservices.payments.conversation.service.conversation import Parts
    from appservices.payments.ledger.service.attempts import Attempt
    from veche.runtime.database import Connection, Cursor

_ROUNDS_MAX: Final = 20


@attrs.define
class Scribe:
    """Takes the attempts that wait, as the service does.

    Attributes:
        parts: Of the transactions of its blocks.
    """

    parts: Parts
    _looks: Connection
    _ledger: PostgresLedger
    _link: Link
    _book: Book = attrs.field(factory=Book)

    @classmethod
    @contextmanager
    def at(cls, dsn: str, parts: Parts) -> Iterator[Scribe]:
        """The writer of a database, which has had none."""
        with ExitStack() as stack:
            reads, writes, looks = (stack.enter_context(closing(connect(dsn))) for _ in range(3))
            ledger = PostgresLedger(0, reads, writes)
            place = ledger.take_over("test")
            yield cls(parts, looks, ledger, Link(0, place.epoch, place.seq, place.head))

    def write(self, now_ms: int) -> None:
        """Decide and commit until nothing waits; at least one block, in which holds may end."""
        for _ in range(_ROUNDS_MAX):
            waiting = self.waiting()
            self.block(self._but_revoked(waiting, now_ms), now_ms)
            if not waiting:
                return
        raise AssertionError("attempts come without an end")

    def block(self, attempts: list[Attempt], now_ms: int) -> None:
        """Decide and commit some attempts in one block."""
        settles = self._settles()
        entries = [
            Entry(
                n,
                Work(one.chain, partial(_rider, one, settles[one.kind]), one.accounts),
                len(one.chain) + len(one.accounts),
            )
            for n, one in enumerate(attempts)
        ]
        batch = decide(self._book, self._ledger, entries, self._link, now_ms)
        riders = partial(ride, batch, held.expired)
        if batch.block is not None:
            self._ledger.commit(batch.block, riders, batch.sending)
        else:
            self._ledger.ride(riders)
        self._link = batch.after
        self._end_holds(now_ms)

    def waiting(self) -> list[Attempt]:
        """Those that the service would take now: of those about the same thing the first."""
        with self._looks, self._looks.cursor() as txn:
            found = store.waiting(txn, [], 1_000)
        firsts: dict[str, Attempt] = {}
        for one in found:
            firsts.setdefault(one.about, one)
        return list(firsts.values())

    def _but_revoked(self, waiting: list[Attempt], now_ms: int) -> list[Attempt]:
        """Settle those that a revoked key approved, as the service does; the others."""
        with self._looks, self._looks.cursor() as txn:
            revoked = revoked_of(txn, waiting)
            for one in waiting:
                if one.id in revoked:
                    outcome = Outcome((), now_ms, (), None, is_revoked=True)
                    _rider(one, self._settles()[one.kind], txn, outcome)
        return [one for one in waiting if one.id not in revoked]

    def _end_holds(self, now_ms: int) -> None:
        """What the service's jobs do of holds that ended."""
        with self._looks, self._looks.cursor() as txn:
            txn.execute(
                "DELETE FROM runtime.errand WHERE kind = %s RETURNING payload ->> 'payment'",
                (held.HOLD_ENDED,),
            )
            for (payment_id,) in txn.fetchall():
                held.ended(self.parts.conversation(txn, f"ended {payment_id}", now_ms), payment_id)

    def _settles(self) -> Mapping[str, Callable[[Cursor, Attempt, Outcome], None]]:
        def pay(txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
            scene = self.parts.conversation(txn, f"attempt {attempt.about}", outcome.at_ms)
            settling.settle(scene, attempt.about, outcome)

        return {
            moving.KIND: pay,
            **held.settles(self.parts),
            **setting_aside.settles(self.parts),
        }


def _rider(attempt: Attempt, settle: Any, txn: Cursor, outcome: Outcome) -> None:
    assert store.remove(txn, attempt.id)
    settle(txn, attempt, outcome)
