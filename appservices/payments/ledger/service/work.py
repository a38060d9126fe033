"""Work for the ledger's writer, its results, and the queue in between."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import attrs
from twisted.internet.defer import Deferred

from appservices.payments.ledger.core.values import ROWS_MAX
from veche.protocol.errors import UnavailableError, VecheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from appservices.payments.ledger.core import Account, Result, Row, Transfer
    from appservices.payments.ledger.core.block import Block
    from veche.runtime.database import Cursor

QUEUE_MAX: Final = 50_000
"""Transfers, and accounts to open, that may wait; what is beyond is refused."""

BISECT_MAX: Final = 14
"""How often works are halved until one is alone: 2^13 is more than ``ROWS_MAX``."""

_BUSY_MS: Final = 1_000


class BusyError(UnavailableError):
    """The ledger's queue is full; it takes nothing more now."""

    errcode = "ORG.VECHE.BUSY"


class BrokenWorkError(VecheError):
    """The database refuses what the ledger decided: a bug of ours. Nothing was moved."""

    errcode = "ORG.VECHE.LEDGER_REFUSED"


class Outcome(NamedTuple):
    """The outcome of a work, in its block.

    Attributes:
        results: One for each transfer, in their order.
        at_ms: Ledger time of the block.
        rows: What was recorded for it now, in its order; nothing if it had been recorded before.
        block: What holds them; None if nothing happened in it.
        is_revoked: The ledger was not asked: a key that approved this was revoked meanwhile, or
            who approved it stopped everything.
    """

    results: Sequence[Result]
    at_ms: int
    rows: Sequence[Row]
    block: Block | None
    is_revoked: bool = False

    @property
    def is_done(self) -> bool:
        """Return whether its chain is recorded, now or before.

        A chain is whole or absent, and no transfer is ever in two: so its first one speaks for it
        (of a repeated one the others answer ``linked_event_failed``).
        """
        return not self.is_revoked and (not self.results or self.results[0].is_done)

    @property
    def word(self) -> str:
        """Why its chain is not recorded, as the ledger says it; empty: the ledger was not asked."""
        return self.results[0].word if self.results else ""


@attrs.frozen
class Work:
    """Transfers that are decided one after the other, in one block.

    Attributes:
        chain: At most ``ROWS_MAX`` with the accounts; ``LINKED`` ties them, whole or absent.
        rider: Runs in the transaction of the block, once its balances are written: writes what must
            be true together with them. It may run again, so it has no effect outside the database.
            What it raises, or a failed statement that it lets pass, fails its work alone.
        accounts: Opened before the chain, in the same block; of peers, those that are open get the
            allowance that stands here.
    """

    chain: Sequence[Transfer]
    rider: Callable[[Cursor, Outcome], None] | None = None
    accounts: Sequence[Account] = ()


@attrs.define(eq=False)
class Entry:
    """A work that waits for its answer.

    Attributes:
        number: By which works are in order.
        size: How much of a block it needs.
        tries: How often it was in a block that met a conflict.
    """

    number: int
    work: Work
    size: int
    tries: int = 0
    answer: Deferred[Outcome] = attrs.field(factory=lambda: Deferred(_go_on))

    def end(self, outcome: Outcome) -> None:
        """It is committed."""
        if not self.answer.called:
            self.answer.callback(outcome)

    def fail(self, error: BaseException) -> None:
        """It is not, or nobody knows."""
        if not self.answer.called:
            self.answer.errback(error)


def _go_on(_answer: Deferred[Outcome]) -> None:
    """Ignore that an answer is cancelled: begun work goes on, and nobody gets its answer."""


class Queue:
    """The works that wait for the writer, in order, and the works known to break blocks.

    Attributes:
        size: Transfers and accounts to open of all that waits.
        is_apart: Works and holds that end by themselves come in blocks of their own, since a block
            with both was refused.
        has_expired: The last block was one of such holds: now it is the works' turn.
        expiries_max: How many of them come together.
        left_open: Holds that do not end by themselves, since no block can have that.
    """

    def __init__(self, size_max: int = QUEUE_MAX) -> None:
        self.size = 0
        self.is_apart = self.has_expired = False
        self.expiries_max = ROWS_MAX
        self.left_open: set[str] = set()
        self._size_max = size_max
        self._works_max = ROWS_MAX
        self._entries: deque[Entry] = deque()
        self._numbers = itertools.count(1)

    def add(self, work: Work) -> Entry:
        """Let a work wait.

        Raises:
            ValueError: It is empty or does not fit into a block.
            BusyError: Too much waits already.
        """
        size = len(work.chain) + len(work.accounts)
        if not 0 < size <= ROWS_MAX:
            raise ValueError(f"a work has 1 to {ROWS_MAX} transfers and accounts, not {size}")
        if self.size + size > self._size_max:
            raise BusyError("too many payments at once: try again soon", retry_after_ms=_BUSY_MS)
        entry = Entry(next(self._numbers), work, size)
        self._entries.append(entry)
        self.size += size
        return entry

    def take(self, size_max: int = ROWS_MAX) -> list[Entry]:
        """The works of the next block: what fits, at least one if any waits.

        Args:
            size_max: Of all but the first one, together with it; no block has more than
                ``ROWS_MAX``.
        """
        taken: list[Entry] = []
        size = 0
        while self._entries and len(taken) < self._works_max:
            size += self._entries[0].size
            if taken and size > min(size_max, ROWS_MAX):
                break
            taken.append(self._entries.popleft())
            self.size -= taken[-1].size
        return taken

    def put_back(self, entries: Sequence[Entry]) -> None:
        """Let works wait again, where they stood."""
        together = [*entries, *self._entries]
        self._entries = deque(sorted(together, key=lambda entry: entry.number))
        self.size += sum(entry.size for entry in entries)

    def bisect(self, entries: Sequence[Entry]) -> Entry | None:
        """Halve the next block, since one of these works broke this one, until it is alone.

        Args:
            entries: Works of the block, which wait again; at most ``BISECT_MAX`` times.

        Returns:
            The work that is to blame, which does not wait any more; None as long as it could be
            any of several.
        """
        if len(entries) <= 1:
            self._works_max = ROWS_MAX
            return entries[0] if entries else None
        self._works_max = len(entries) // 2
        self.put_back(entries)
        return None

    def bisect_holds(self, hold_ids: Sequence[str]) -> str | None:
        """Halve the next block of holds alone, since one of these broke it; as ``bisect``.

        Args:
            hold_ids: Of those that ended by themselves in it.

        Returns:
            The one that is to blame, which is left open; None as long as it could be any.
        """
        if len(hold_ids) > 1:
            self.expiries_max = len(hold_ids) // 2
            return None
        self.expiries_max = ROWS_MAX
        self.left_open.update(hold_ids)
        return hold_ids[0]

    def grow(self, *, has_works: bool = True) -> None:
        """Let the next block be larger again, since one was kept."""
        if has_works:
            self._works_max = min(ROWS_MAX, 2 * self._works_max)
        else:
            self.expiries_max = min(ROWS_MAX, 2 * self.expiries_max)
        if self._works_max == self.expiries_max == ROWS_MAX and has_works:
            self.is_apart = False

    def refuse(self, error: Callable[[], Exception]) -> None:
        """Answer everything that waits with an error."""
        entries: Iterable[Entry] = self._entries
        self._entries, self.size = deque(), 0
        for entry in entries:
            entry.fail(error())
