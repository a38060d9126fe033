"""Statements of accounts out of the ledger: at any time in the past, complete up to a place."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from appservices.payments.ledger.core.values import PLACES
from appservices.payments.ledger.store import ledger as store
from appservices.payments.statements.core import LINES_MAX, AccountStatement, Said, lines_of
from appservices.payments.statements.store import last_block_before
from veche.protocol.errors import MalformedError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from appservices.payments.ledger.core import Row
    from appservices.payments.statements.core import LedgerRow
    from veche.runtime.database import Cursor

SHARD: Final = 0
PAGE_ROWS: Final = 1_000
DAYS_MAX: Final = 3_660


def statement(
    txn: Cursor,
    account_id: int,
    currency: str,
    days: tuple[dt.date, dt.date],
    say: Callable[[LedgerRow], Said] = lambda _: Said(),
) -> AccountStatement:
    """The statement of an account whose balance is credits less debits, such as a wallet.

    Args:
        txn: A transaction that reads.
        account_id: Of the ledger; its owner knows it by this number.
        currency: ISO 4217 code of its ledger.
        days: The first and the last, UTC; at most ``DAYS_MAX``.
        say: The words of a row.

    Raises:
        MalformedError: The days are not in order, or too many.
        TooLargeError: There are over ``LINES_MAX`` lines: ask for less.
    """
    first, last = days
    if not dt.timedelta(0) <= last - first < dt.timedelta(DAYS_MAX):
        raise MalformedError("days", f"the first to the last, at most {DAYS_MAX}")
    start_pos, until_pos = places_of(txn, first, last)
    opening = _balance(txn, account_id, start_pos)
    rows = _rows(txn, account_id, start_pos, until_pos)
    lines = lines_of(rows, account_id, opening_minor=opening, say=say)
    found = AccountStatement(str(account_id), currency, first, last, opening, lines, until_pos)
    assert found.closing_minor == _balance(txn, account_id, until_pos), "lines make the balance"  # noqa: S101 -- our bug
    return found


def places_of(txn: Cursor, first: dt.date, last: dt.date) -> tuple[int, int]:
    """The places of the ledger after which days begin, and with which they end, UTC."""
    until = last + dt.timedelta(days=1)
    start_pos = _end_of(last_block_before(txn, SHARD, midnight_ms(first)))
    return start_pos, _end_of(last_block_before(txn, SHARD, midnight_ms(until)))


def midnight_ms(day: dt.date) -> int:
    """When a day begins, UTC."""
    at = dt.datetime.combine(day, dt.time(), dt.UTC)
    return int(at.timestamp()) * 1000


def _rows(txn: Cursor, account_id: int, start_pos: int, until_pos: int) -> list[Row]:
    rows: list[Row] = []
    after = start_pos
    while True:
        page = store.rows(txn, SHARD, account_id, after, PAGE_ROWS)
        rows += [row for row in page if row.pos <= until_pos]
        if len(rows) > LINES_MAX:
            raise TooLargeError(f"over {LINES_MAX} lines: ask for fewer days")
        if len(page) < PAGE_ROWS or page[-1].pos > until_pos:
            return rows
        after = page[-1].pos


def _balance(txn: Cursor, account_id: int, pos: int) -> int:
    sums = store.balances_at(txn, SHARD, account_id, pos)
    return 0 if sums is None else sums.credits_posted - sums.debits_posted


def _end_of(block: int) -> int:
    """The last place of a block."""
    return (block + 1) * PLACES - 1
