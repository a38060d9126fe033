"""Deciding one block: requests one after the other, each result seen by what comes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.ledger.core.block import Content
from appservices.payments.ledger.core.ending import end, expire
from appservices.payments.ledger.core.flags import (
    ACCOUNT_IMPORTED,
    ENDING,
    IMPORTED,
    LINKED,
    TRANSFER_FLAGS,
)
from appservices.payments.ledger.core.moving import move
from appservices.payments.ledger.core.opening import change_allowance, open_account
from appservices.payments.ledger.core.repeats import repeat
from appservices.payments.ledger.core.results import BURNING, Result
from appservices.payments.ledger.core.timing import refuse_time
from appservices.payments.ledger.core.values import (
    ID_MAX,
    ID_ZERO,
    PLACES,
    ROWS_MAX,
    Burned,
    Event,
    EventKind,
    Row,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.ledger.core.book import AccountState, Book
    from appservices.payments.ledger.core.values import Account, Transfer

_BAD_IDS = {ID_ZERO: Result.ID_MUST_NOT_BE_ZERO, ID_MAX: Result.ID_MUST_NOT_BE_INT_MAX}
_CREATED = Result.CREATED


def start(book: Book, seq: int, now_ms: int, rows_wanted: int = 0) -> Deciding:
    """Begin a block: holds whose time is over end first.

    Args:
        book: On top of what it holds.
        seq: Number of the block.
        now_ms: The clock; where it has gone back, ledger time stands still.
        rows_wanted: Leaves to leave room for; the rest is for expiries.
    """
    block = Deciding(book, seq, max(book.at_ms, now_ms))
    book.begin(block)
    block.expire(rows_wanted)
    return block


class Deciding:
    """A block while it is decided; afterwards what it takes to undo it.

    Attributes:
        at_ms: Ledger time.
        rows: Transfers and expiries, in their order.
        events: What happened to accounts.
        burned: Ids that failed for good.
        refunds: Transfers that it gave something back of.
    """

    def __init__(self, book: Book, seq: int, at_ms: int) -> None:
        """Begin, on top of all that the book holds; only ``start`` does."""
        self.at_ms = at_ms
        self.rows: list[Row] = []
        self.events: list[Event] = []
        self.burned: list[Burned] = []
        self.refunds: set[str] = set()
        self._book = book
        self._seq = seq
        self._pos = seq * PLACES
        self._is_importing = False
        self._before = (book.transfer_at_ms, book.account_at_ms)
        self._opened: list[int] = []
        self._allowances: list[tuple[AccountState, int]] = []

    def expire(self, rows_wanted: int) -> None:
        """End what is due, by expiry and creation, as far as there is room beside the rest."""
        for _ in range(ROWS_MAX - rows_wanted):
            hold = self._book.due_hold(self.at_ms)
            if hold is None:
                return
            self._record(expire(hold, self._pos, self.at_ms))

    def open_accounts(self, accounts: Sequence[Account]) -> list[Result]:
        """Open accounts: one request. Each gets one answer."""
        is_importing = bool(accounts) and bool(int(accounts[0].flags) & ACCOUNT_IMPORTED)
        results = []
        for account in accounts:
            opened = open_account(self._book, account, is_importing=is_importing, now_ms=self.at_ms)
            if isinstance(opened, Result):
                results.append(opened)
                continue
            self._opened.append(account.id)
            self._note(EventKind.OPENED, opened)
            self._book.open(opened, self._pos - 1)
            results.append(_CREATED)
        return results

    def set_allowance(self, account_id: int, allowance: int, salt: str) -> Result:
        """Let an account's bounded side pass the other by so much, and no more.

        Args:
            account_id: Which.
            allowance: Minor units; less than what is used already is refused.
            salt: 20 fresh hex digits.
        """
        state = self._book.accounts.get(account_id)
        if state is None:
            return Result.ACCOUNT_NOT_FOUND
        refused = change_allowance(state, allowance)
        if refused is not None:
            return refused
        self._allowances.append((state, state.allowance))
        state.allowance = allowance
        account = state.to_row().account._replace(at_ms=self.at_ms, salt=salt)
        self._note(EventKind.ALLOWANCE_SET, account)
        return _CREATED

    def decide(self, transfers: Sequence[Transfer]) -> list[Result]:
        """Decide one request. Each transfer gets one answer, and is seen by those after it."""
        self._is_importing = bool(transfers) and bool(int(transfers[0].flags) & IMPORTED)
        results: list[Result] = []
        start, mark, is_broken, last = -1, 0, False, len(transfers) - 1
        for i, t in enumerate(transfers):
            is_linked = int(t.flags) & LINKED
            if is_linked and start < 0:
                start, mark, is_broken = i, len(self.rows), False
            if is_linked and i == last:
                result = Result.LINKED_EVENT_CHAIN_OPEN
            elif is_broken:
                result = Result.LINKED_EVENT_FAILED
            else:
                result = self._decide(t)
            results.append(result)
            if result is not _CREATED:
                if start >= 0 and not is_broken:
                    is_broken = True
                    self._take_back_to(mark)
                    results[start:i] = [Result.LINKED_EVENT_FAILED] * (i - start)
                if result in BURNING:
                    self.burn(t.id, result)
            if not is_linked:
                start, is_broken = -1, False
        return results

    def burn(self, id_: str, result: Result) -> None:
        """Record that an id failed for good."""
        self.burned.append(Burned(self._pos, id_, result, self.at_ms))
        self._book.burned[id_] = result
        self._pos += 1

    @property
    def content(self) -> Content:
        """Content of the block."""
        parts = tuple(self.rows), tuple(self.events), tuple(self.burned)
        return Content(self._seq, self.at_ms, *parts)

    def end(self) -> Content:
        """End the block and return its content; look-ups for it are dropped."""
        assert self._pos <= (self._seq + 1) * PLACES, "more than a block has places"  # noqa: S101 -- whoever fills it counts
        self._book.drop_known()
        return self.content

    def take_back(self) -> None:
        """Put the book back to before this block; only ``Book.undo`` does."""
        self._take_back_to(0)
        for state, allowance in reversed(self._allowances):
            state.allowance = allowance
        for number in self._opened:
            del self._book.accounts[number]
        for one in self.burned:
            del self._book.burned[one.id]
        # Ledger time alone stays: answers were given at it.
        self._book.transfer_at_ms, self._book.account_at_ms = self._before

    def _decide(self, t: Transfer) -> Result:  # noqa: PLR0911 -- the order of the answers
        book, flags = self._book, int(t.flags)
        if t.at_ms or flags & IMPORTED or self._is_importing:
            refused = refuse_time(t.at_ms, flags & IMPORTED, self._is_importing, self.at_ms)
            if refused is not None:
                return refused
        if flags & ~TRANSFER_FLAGS:
            return Result.RESERVED_FLAG
        if t.id in _BAD_IDS:
            return _BAD_IDS[t.id]
        if (row := book.find(t.id)) is not None:
            return repeat(t, row, book.find_hold(row.pending_id) if row.pending_id else None)
        if t.id in book.burned or t.id in book.known.burned:
            return Result.ID_ALREADY_FAILED
        decided = (end if flags & ENDING else move)(book, t, flags, self._pos, self.at_ms)
        if isinstance(decided, Result):
            return decided
        self._record(decided)
        return _CREATED

    def _record(self, row: Row) -> None:
        self._book.apply(row)
        self._book.transfer_at_ms = row.at_ms
        if row.refund_of is not None:
            self.refunds.add(row.refund_of)
        self.rows.append(row)
        self._pos += 1

    def _note(self, kind: EventKind, account: Account) -> None:
        self.events.append(Event(self._pos, kind, account))
        self._pos += 1

    def _take_back_to(self, mark: int) -> None:
        rows = self.rows
        self._pos -= len(rows) - mark
        while len(rows) > mark:
            self._book.take_back(rows.pop())
        self._book.transfer_at_ms = rows[-1].at_ms if rows else self._before[0]
