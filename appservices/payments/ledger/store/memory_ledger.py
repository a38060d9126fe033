"""The ledger in dictionaries: the same promises as PostgreSQL's, checked as there.

For tests, simulations and replays. What a block changes is worked out beside what is kept, and put
in only once all of it has held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.ledger.core.block import FIRST_HEAD, next_head
from appservices.payments.ledger.core.port import BrokenError, FencedError, Place
from appservices.payments.ledger.core.values import (
    AMOUNT_MAX,
    ID_ZERO,
    PLACES,
    AccountFlag,
    AccountRow,
    EventKind,
    Known,
    Sums,
    TransferFlag,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from appservices.payments.ledger.core.block import Block
    from appservices.payments.ledger.core.results import Result
    from appservices.payments.ledger.core.values import Event, Names, Row

_MOVES_NOTHING: Final = TransferFlag.PENDING | TransferFlag.VOID | TransferFlag.EXPIRE


class MemoryLedger:
    """A shard in memory. Its riders get None to write with."""

    def __init__(self, shard: int = 0) -> None:
        self.shard = shard
        self.accounts: dict[int, AccountRow] = {}
        self.transfers: dict[str, Row] = {}
        self.ends: dict[str, int] = {}
        self.burned: dict[str, Result] = {}
        self.refunded: dict[str, int] = {}
        self.open_holds: dict[str, Row] = {}
        self._blocks: list[Block] = []
        self.epoch = 0

    def take_over(self, holder: str) -> Place:  # noqa: ARG002 -- nobody else looks for it
        """As the port."""
        self.epoch += 1
        newest = [block.content for block in reversed(self._blocks)]
        transfers = (row.at_ms for one in newest for row in reversed(one.rows))
        opened = (
            event.account.at_ms
            for one in newest
            for event in reversed(one.events)
            if event.kind is EventKind.OPENED
        )
        seq, at_ms, head = self._last()
        return Place(self.epoch, seq, at_ms, head, next(transfers, 0), next(opened, 0))

    @property
    def at_ms(self) -> int:
        """Ledger time: of the last block."""
        return self._last()[1]

    def newest_id(self) -> str:
        """As the port."""
        return max([ID_ZERO, *self.transfers, *self.burned])

    def holds(self) -> Sequence[Row]:
        """As the port."""
        return sorted(self.open_holds.values(), key=lambda row: row.pos)

    def look_up(self, names: Names) -> Known:
        """As the port."""
        return Known(
            {n: self.accounts[n] for n in names.accounts if n in self.accounts},
            {i: self.transfers[i] for i in names.ids if i in self.transfers},
            {i: self.ends[i] for i in names.holds if i in self.ends},
            {i: self.burned[i] for i in names.ids if i in self.burned},
            {i: self.refunded[i] for i in names.originals if i in self.refunded},
        )

    def commit(self, block: Block, riders: Callable[[None], None] | None = None) -> None:
        """As the port."""
        content, (seq, at_ms, head) = block.content, self._last()
        place = (block.epoch, content.seq, block.prev)
        if place != (self.epoch, seq + 1, head) or content.at_ms < at_ms:
            raise FencedError(f"another writer took over shard {self.shard}")
        stage = _Stage(self)
        stage.take(block)
        if riders is not None:
            riders(None)
        stage.install()
        self._blocks.append(block)

    def rows(self, account_id: int, after_pos: int, limit: int) -> Sequence[Row]:
        """As the port."""
        return [
            row
            for block in self._blocks[max(0, after_pos // PLACES - 1) :]
            for row in block.content.rows
            if account_id in (row.debit_id, row.credit_id) and row.pos > after_pos
        ][:limit]

    def balances_at(self, account_id: int, pos: int) -> Sums | None:
        """As the port."""
        kept = self.accounts.get(account_id)
        if kept is None or kept.opened_pos > pos:
            return None
        sums = Sums(0, 0, 0, 0)
        for row in self.rows(account_id, 0, len(self.transfers)):
            if row.pos <= pos:
                sums = _moved(sums, row, is_debit=row.debit_id == account_id)
        return sums

    def block(self, seq: int) -> Block | None:
        """As the port."""
        return self._blocks[seq - 1] if 1 <= seq <= len(self._blocks) else None

    def _last(self) -> tuple[int, int, bytes]:
        if not self._blocks:
            return 0, 0, FIRST_HEAD
        last = self._blocks[-1]
        return last.content.seq, last.content.at_ms, last.head


class _Stage:
    """The changes of a block."""

    def __init__(self, kept: MemoryLedger) -> None:
        self._kept = kept
        self._accounts: dict[int, AccountRow] = {}
        self._transfers: dict[str, Row] = {}
        self._ends: dict[str, int] = {}
        self._burned: dict[str, Result] = {}
        self._refunded: dict[str, int] = {}

    def take(self, block: Block) -> None:
        """Work out what a block changes.

        Raises:
            BrokenError: It breaks a rule.
        """
        content = block.content
        head = next_head(block.prev, content.seq, content.at_ms, content.size, block.root)
        _require(block.head == head, "it does not extend the chain")
        _require(1 <= content.size <= PLACES, "it has no leaf or too many")
        positions = sorted(
            one.pos for part in (content.rows, content.events, content.burned) for one in part
        )
        first = content.seq * PLACES
        _require(positions == list(range(first, first + content.size)), "its places have gaps")
        for event in content.events:
            self._take_event(event)
        for row in content.rows:
            is_past = bool(row.flags & TransferFlag.IMPORTED) and row.at_ms < content.at_ms
            _require(row.at_ms == content.at_ms or is_past, "rows of another time")
            self._take_row(row)
        for one in content.burned:
            _require(one.id not in self._kept.burned, "an id is burned twice")
            self._burned[one.id] = one.result
        for kept in self._accounts.values():
            _check_bounds(kept)

    def install(self) -> None:
        """Put it in."""
        kept = self._kept
        kept.accounts.update(self._accounts)
        kept.transfers.update(self._transfers)
        kept.ends.update(self._ends)
        kept.burned.update(self._burned)
        kept.refunded.update(self._refunded)
        for row in self._transfers.values():
            if row.flags & TransferFlag.PENDING:
                kept.open_holds[row.id] = row
        for hold_id in self._ends:
            del kept.open_holds[hold_id]

    def _take_event(self, event: Event) -> None:
        account = event.account
        if event.kind is EventKind.OPENED:
            is_new = account.id not in self._kept.accounts and account.id not in self._accounts
            _require(is_new, "an account is opened twice")
            self._accounts[account.id] = AccountRow(account, Sums(0, 0, 0, 0), event.pos)
        else:
            kept = self._account(account.id, account.ledger)
            now = kept.account._replace(allowance=account.allowance)
            self._accounts[account.id] = kept._replace(account=now)

    def _take_row(self, row: Row) -> None:
        is_new = row.id not in self._kept.transfers and row.id not in self._transfers
        _require(is_new, "an id is recorded twice")
        _require(row.debit_id != row.credit_id and row.amount >= 0, "a row moves nothing")
        self._transfers[row.id] = row
        for number in (row.debit_id, row.credit_id):
            kept = self._account(number, row.ledger)
            sums = _moved(kept.sums, row, is_debit=number == row.debit_id)
            self._accounts[number] = kept._replace(sums=sums)
        if row.flags & TransferFlag.PENDING:
            self._close(row, closes=True)
        if row.pending_id is not None:
            self._end(row, row.pending_id)
        if row.refund_of is not None:
            self._give_back(row, row.refund_of)

    def _end(self, row: Row, hold_id: str) -> None:
        hold = self._transfers.get(hold_id) or self._kept.open_holds.get(hold_id)
        _require(hold is not None and hold_id not in self._ends, "no open hold is ended")
        if hold is None:
            return
        is_over = hold.expires_at_ms is not None and hold.expires_at_ms <= row.at_ms
        _require(
            (hold.debit_id, hold.credit_id, hold.ledger, hold.amount, hold.refund_of)
            == (row.debit_id, row.credit_id, row.ledger, row.released, row.refund_of)
            and bool(hold.flags & TransferFlag.PENDING)
            and row.amount <= row.released
            and is_over is bool(row.flags & TransferFlag.EXPIRE),
            "a hold is ended in part, out of its time, or between other accounts",
        )
        self._ends[hold_id] = row.flags
        if not row.flags & TransferFlag.POST:
            self._close(hold, closes=False)

    def _give_back(self, row: Row, original_id: str) -> None:
        original = self._transfers.get(original_id) or self._kept.transfers.get(original_id)
        _require(
            original is not None
            and not original.flags & _MOVES_NOTHING
            and (original.debit_id, original.credit_id, original.ledger)
            == (row.credit_id, row.debit_id, row.ledger),
            "a refund does not give back what was paid",
        )
        before = self._refunded.get(original_id, self._kept.refunded.get(original_id, 0))
        self._refunded[original_id] = before + row.amount - row.released
        captured = original.amount if original is not None else 0
        _require(0 <= self._refunded[original_id] <= captured, "more is given back than was paid")

    def _close(self, hold: Row, *, closes: bool) -> None:
        for number, flag in (
            (hold.debit_id, TransferFlag.CLOSING_DEBIT),
            (hold.credit_id, TransferFlag.CLOSING_CREDIT),
        ):
            if hold.flags & flag:
                kept = self._account(number, hold.ledger)
                flags = kept.account.flags & ~int(AccountFlag.CLOSED)
                flags |= int(AccountFlag.CLOSED) if closes else 0
                self._accounts[number] = kept._replace(account=kept.account._replace(flags=flags))

    def _account(self, number: int, ledger: int) -> AccountRow:
        kept = self._accounts.get(number) or self._kept.accounts.get(number)
        if kept is None or kept.account.ledger != ledger:
            raise BrokenError("an account is unknown or of another ledger")
        return kept


def _moved(sums: Sums, row: Row, *, is_debit: bool) -> Sums:
    is_hold = bool(row.flags & TransferFlag.PENDING)
    pending = row.amount if is_hold else -row.released
    posted = 0 if is_hold else row.amount
    debits_pending, debits_posted, credits_pending, credits_posted = sums
    if is_debit:
        return Sums(
            debits_pending + pending, debits_posted + posted, credits_pending, credits_posted
        )
    return Sums(debits_pending, debits_posted, credits_pending + pending, credits_posted + posted)


def _check_bounds(kept: AccountRow) -> None:
    account, sums, _ = kept
    debits, credits_ = sums.debits_pending + sums.debits_posted, sum(sums[2:])
    _require(
        min(sums) >= 0 and debits <= AMOUNT_MAX and credits_ <= AMOUNT_MAX, "a sum is out of bounds"
    )
    if account.flags & AccountFlag.NO_OVERDRAFT:
        _require(debits <= sums.credits_posted + account.allowance, "no_overdraft")
    if account.flags & AccountFlag.NO_OVERCREDIT:
        _require(credits_ <= sums.debits_posted + account.allowance, "no_overcredit")


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise BrokenError(otherwise)
