"""The book: what a writer knows of a shard, and the blocks that it has decided on top of that.

A block is decided against the balances that the blocks before it leave behind, whether they are
committed yet or not. What is recorded moves the book by ``apply``, and ``take_back`` is its exact
inverse: so a chain, or a whole block, is undone from its rows alone, newest first.

Mutable inside, deterministic outside: time is an argument, and nothing is read but what ``learn``
was told.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import attrs

from appservices.payments.ledger.core.flags import (
    CLOSED,
    CLOSING_CREDIT,
    CLOSING_DEBIT,
    PENDING,
    POST,
)
from appservices.payments.ledger.core.recent import Recent
from appservices.payments.ledger.core.values import ID_MAX, AccountRow, Known, Names, Sums

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Set

    from appservices.payments.ledger.core.results import Result
    from appservices.payments.ledger.core.values import Account, Burned, Row, Transfer

T = TypeVar("T", int, str)

ACCOUNTS_CACHED_MAX: Final = 1_000_000
"""Accounts that a book keeps; beyond that it keeps those of open holds alone."""


class Decided(Protocol):
    """A block that is decided, as far as the book goes by it; ``deciding.Deciding`` is the one.

    Attributes:
        at_ms: Ledger time.
        rows: Transfers and expiries, in their order.
        burned: Ids that failed for good.
        refunds: Transfers that it gave something back of.
    """

    at_ms: int
    rows: list[Row]
    burned: list[Burned]
    refunds: set[str]

    def take_back(self) -> None:
        """Undo all of it."""


@attrs.define(eq=False)
class AccountState:
    """An account as it stands; its own ``allowance`` and ``flags`` are the present ones."""

    opened: Account
    flags: int
    allowance: int
    ledger: int
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int
    opened_pos: int

    def to_row(self) -> AccountRow:
        """A copy that does not change any more."""
        account = self.opened._replace(flags=self.flags, allowance=self.allowance)
        sums = Sums(
            self.debits_pending, self.debits_posted, self.credits_pending, self.credits_posted
        )
        return AccountRow(account, sums, self.opened_pos)


class Book:
    """A writer's knowledge of its shard.

    Attributes:
        at_ms: Ledger time of the last block.
        transfer_at_ms: Time of the last transfer.
        account_at_ms: Time of the account opened last.
        accounts: Those looked up so far, as the last decided block leaves them.
        holds: Every open hold.
        rows: Transfers of blocks that are not known to be committed.
        ended: Holds that ended in such a block, by id, and the flags of what ended them.
        burned: Ids that failed for good in such a block.
        refunded: What was given back of a transfer that such a block, or an open hold, gives
            something back of.
        known: What ``learn`` was told since the last block.
    """

    def __init__(self, *, at_ms: int = 0, transfer_at_ms: int = 0, account_at_ms: int = 0) -> None:
        self.at_ms = at_ms
        self.transfer_at_ms = transfer_at_ms
        self.account_at_ms = account_at_ms
        self.accounts: dict[int, AccountState] = {}
        self.holds: dict[str, Row] = {}
        self.rows: dict[str, Row] = {}
        self.ended: dict[str, tuple[Row, int]] = {}
        self.burned: dict[str, Result] = {}
        self.refunded: dict[str, int] = {}
        self.known = _nothing()
        self._refund_holds: Counter[str] = Counter()  # how many open holds, by original
        self._unknown_refunds: set[str] = set()  # originals of open holds, to be looked up
        self._expiring: list[tuple[int, int, str]] = []  # heap: when, pos, id of the hold
        self._blocks: deque[Decided] = deque()  # not known to be committed, oldest first
        self._recent = Recent(ID_MAX)
        self._left_open: set[str] = set()

    def leave_open(self, hold_ids: Iterable[str]) -> None:
        """Let holds not end by themselves, since no block can have that; their time is over."""
        self._left_open.update(hold_ids)

    def expect_above(self, newest_id: str) -> None:
        """Ids above this one need not be looked up, until this book itself has recorded them.

        Args:
            newest_id: The highest that is recorded or burned, now that nobody else writes.
        """
        self._recent = Recent(newest_id)

    def open_hold(self, row: Row) -> None:
        """Put in a hold that is open; a writer that starts does so with all of them."""
        if row.refund_of is not None:
            self._unknown_refunds.add(row.refund_of)
        self._open_hold(row)

    def names(self, transfers: Iterable[Transfer], accounts: Iterable[int] = ()) -> Names:
        """List the ids to look up for a block, since the book lacks them.

        Args:
            transfers: Of all requests of the block.
            accounts: That are to be opened, or get another allowance.
        """
        ids: set[str] = set()
        holds: set[str] = set()
        originals = set(self._unknown_refunds)
        numbers = set(accounts)
        may_have, here = self._recent.may_have, self.accounts
        for t in transfers:
            if may_have(t.id):
                ids.add(t.id)
            if t.debit_id not in here:
                numbers.add(t.debit_id)
            if t.credit_id not in here:
                numbers.add(t.credit_id)
            if t.pending_id is not None and t.pending_id not in self.holds:
                holds.add(t.pending_id)
            if t.refund_of is not None:
                originals.add(t.refund_of)
        numbers.discard(0)
        return Names(
            _missing(ids | holds | originals, self.rows),
            _missing(holds, self.ended),
            _missing(originals, self.refunded),
            _missing(numbers, self.accounts),
        )

    def learn(self, known: Known) -> None:
        """Take in what was looked up; it counts for the next block, accounts for longer."""
        for number, row in known.accounts.items():
            if number not in self.accounts:
                self.accounts[number] = _state(row)
        for original in self._unknown_refunds & known.refunded.keys():
            self.refunded[original] = known.refunded[original]
            self._unknown_refunds.discard(original)
        self.known = Known(
            {},
            {**self.known.rows, **known.rows},
            {**self.known.ends, **known.ends},
            {**self.known.burned, **known.burned},
            {**self.known.refunded, **known.refunded},
        )

    def begin(self, block: Decided) -> None:
        """A block is decided from now on, on top of the others; only ``deciding.start`` says so."""
        self._blocks.append(block)
        self.at_ms = block.at_ms

    def undo(self) -> None:
        """Take back the newest block that is not known to be committed."""
        block = self._blocks.pop()
        block.take_back()
        self._drop_refunded(block)
        self.known = _nothing()

    def forget(self) -> None:
        """The oldest block is committed: from now on it is found by looking it up."""
        block = self._blocks.popleft()
        for row in block.rows:
            del self.rows[row.id]
            if row.pending_id is not None:
                del self.ended[row.pending_id]
        for one in block.burned:
            del self.burned[one.id]
        self._recent.add([row.id for row in block.rows])
        self._recent.add([one.id for one in block.burned])
        self._drop_refunded(block)
        if not self._blocks and len(self.accounts) > ACCOUNTS_CACHED_MAX:
            self._trim()

    @property
    def next_expiry_ms(self) -> int | None:
        """When the next hold expires, None if none does."""
        while self._expiring:
            expires_at_ms, _, hold_id = self._expiring[0]
            if self._is_due(hold_id, expires_at_ms):
                return expires_at_ms
            heapq.heappop(self._expiring)
        return None

    def due_hold(self, now_ms: int) -> Row | None:
        """The hold whose time was over first, by expiry and creation; None if there is none."""
        expires_at_ms = self.next_expiry_ms
        if expires_at_ms is None or expires_at_ms > now_ms:
            return None
        return self.holds[heapq.heappop(self._expiring)[2]]

    def find(self, id_: str) -> Row | None:
        """A transfer by id, in flight or looked up."""
        return self.rows.get(id_) or self.known.rows.get(id_)

    def find_hold(self, id_: str) -> Row | None:
        """Find a possible hold, open or ended."""
        if (hold := self.holds.get(id_)) is not None:
            return hold
        ended = self.ended.get(id_)
        return self.find(id_) if ended is None else ended[0]

    def end_of(self, hold_id: str) -> int | None:
        """Flags of what ended a hold, None if it is open."""
        ended = self.ended.get(hold_id)
        return self.known.ends.get(hold_id) if ended is None else ended[1]

    def refunded_of(self, original_id: str) -> int:
        """Return the sum refunded of a transfer so far."""
        amount = self.refunded.get(original_id)
        return self.known.refunded.get(original_id, 0) if amount is None else amount

    def open(self, account: Account, pos: int) -> None:
        """Put in an account that is opened now."""
        self.accounts[account.id] = _state(AccountRow(account, Sums(0, 0, 0, 0), pos))
        self.account_at_ms = account.at_ms

    def drop_known(self) -> None:
        """Forget everything that was looked up."""
        self.known = _nothing()

    def apply(self, row: Row) -> None:
        """Move the book by what is recorded now."""
        debit, credit = self.accounts[row.debit_id], self.accounts[row.credit_id]
        amount = row.amount
        if row.flags & PENDING:
            debit.debits_pending += amount
            credit.credits_pending += amount
            self._open_hold(row)
            _close(row, debit, credit)
        else:
            debit.debits_posted += amount
            credit.credits_posted += amount
            if row.pending_id is not None:
                debit.debits_pending -= row.released
                credit.credits_pending -= row.released
                hold = self._drop_hold(row.pending_id)
                self.ended[hold.id] = hold, row.flags
                if not row.flags & POST:
                    _open(hold, debit, credit)
        if row.refund_of is not None:
            original = row.refund_of
            self.refunded[original] = self.refunded_of(original) + amount - row.released
        self.rows[row.id] = row

    def take_back(self, row: Row) -> None:
        """The inverse of ``apply``, for the row that was applied last."""
        debit, credit = self.accounts[row.debit_id], self.accounts[row.credit_id]
        amount = row.amount
        del self.rows[row.id]
        if row.refund_of is not None:
            self.refunded[row.refund_of] -= amount - row.released
        if row.flags & PENDING:
            debit.debits_pending -= amount
            credit.credits_pending -= amount
            self._drop_hold(row.id)
            _open(row, debit, credit)
            return
        debit.debits_posted -= amount
        credit.credits_posted -= amount
        if row.pending_id is not None:
            debit.debits_pending += row.released
            credit.credits_pending += row.released
            hold, _ = self.ended.pop(row.pending_id)
            self._open_hold(hold)
            if not row.flags & POST:
                _close(hold, debit, credit)

    def _open_hold(self, row: Row) -> None:
        self.holds[row.id] = row
        if row.refund_of is not None:
            self._refund_holds[row.refund_of] += 1
        if row.expires_at_ms is not None:
            heapq.heappush(self._expiring, (row.expires_at_ms, row.pos, row.id))

    def _drop_hold(self, hold_id: str) -> Row:
        hold = self.holds.pop(hold_id)
        if hold.refund_of is not None:
            self._refund_holds[hold.refund_of] -= 1
            if not self._refund_holds[hold.refund_of]:
                del self._refund_holds[hold.refund_of]
        return hold

    def _is_due(self, hold_id: str, expires_at_ms: int) -> bool:
        # An entry may be of a hold that has ended, or of one that was taken back with its chain
        # and made again with another time.
        hold = self.holds.get(hold_id)
        is_it = hold is not None and hold.expires_at_ms == expires_at_ms
        return is_it and hold_id not in self._left_open

    def _drop_refunded(self, gone: Decided) -> None:
        # An open hold that gives back may end at any time: what is known of its original is kept.
        for original in _missing(gone.refunds, self._refund_holds):
            if not any(original in block.refunds for block in self._blocks):
                self.refunded.pop(original, None)

    def _trim(self) -> None:
        kept = {n for hold in self.holds.values() for n in (hold.debit_id, hold.credit_id)}
        self.accounts = {n: one for n, one in self.accounts.items() if n in kept}


def _missing(names: Set[T], known: Container[T]) -> list[T]:
    # One by one: to subtract `known` from a set would go through all of it.
    return sorted([name for name in names if name not in known])


def _nothing() -> Known:
    return Known({}, {}, {}, {}, {})


def _state(row: AccountRow) -> AccountState:
    account, sums, opened_pos = row
    return AccountState(
        account, account.flags, account.allowance, account.ledger, *sums, opened_pos
    )


def _close(hold: Row, debit: AccountState, credit: AccountState) -> None:
    if hold.flags & CLOSING_DEBIT:
        debit.flags |= CLOSED
    if hold.flags & CLOSING_CREDIT:
        credit.flags |= CLOSED


def _open(hold: Row, debit: AccountState, credit: AccountState) -> None:
    if hold.flags & CLOSING_DEBIT:
        debit.flags &= ~CLOSED
    if hold.flags & CLOSING_CREDIT:
        credit.flags &= ~CLOSED
