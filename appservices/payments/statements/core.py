"""Statements of an account: a fold of the ledger's rows, by any period, as CSV or camt.053.

What is shown adds up by construction and is held against the ledger's own balance: opening balance
and lines make the closing balance, or there is no statement.
"""

from __future__ import annotations

import csv
import datetime as dt
import enum
import io
import itertools
import re
from typing import TYPE_CHECKING, Final, Protocol

import attrs

from appservices.payments.banks.core.port import Entry, Statement
from appservices.payments.banks.core.told_xml import write_statement
from appservices.payments.banks.core.tree import day, decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from appservices.payments.banks.core.port import BankMessage

LINES_MAX: Final = 100_000
"""Lines of one file."""
CSV_HEAD: Final = ("day", "time", "id", "credit", "debit", "balance", "currency", "name", "text")

_POSTS_NOTHING: Final = 2 | 8 | 512
"""Flags of rows that move no posted money: a hold, its end without money, its expiry."""
_MONTH: Final = re.compile(
    r"(?P<year>\d{4})[-./](?P<month>\d{1,2})|(?P<month2>\d{1,2})[-./](?P<year2>\d{4})", re.ASCII
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class LedgerRow(Protocol):
    """The parts of a ledger row that a statement needs."""

    @property
    def pos(self) -> int:
        """Its place in the ledger."""

    @property
    def at_ms(self) -> int:
        """When, UTC, by the ledger's time."""

    @property
    def id(self) -> str:
        """Id of the transfer."""

    @property
    def debit_id(self) -> int:
        """Account that it takes from."""

    @property
    def credit_id(self) -> int:
        """Account that it gives to."""

    @property
    def amount(self) -> int:
        """Minor units."""

    @property
    def flags(self) -> int:
        """Flags of the ledger."""


class Period(enum.Enum):
    """How long one statement is."""

    DAY = "day"
    MONTH = "month"


@attrs.frozen
class Said:
    """The words of a line beside its numbers, for somebody who may read them.

    Attributes:
        name: The other side.
        address: Of the other side; empty where there is none.
        text: What it was for.
        reference: Structured reference, or empty.
        payment: Id of the payment that it is of; None: of none.
    """

    name: str = ""
    text: str = ""
    reference: str = ""
    payment: str | None = None
    address: str = ""


@attrs.frozen
class Line:
    """A line of an account.

    Attributes:
        pos: Its place in the ledger.
        at_ms: When, UTC.
        id: Id of the transfer.
        amount_minor: Below 0: paid.
        balance_minor: After it.
        said: Words.
    """

    pos: int
    at_ms: int
    id: str
    amount_minor: int
    balance_minor: int
    said: Said = Said()


@attrs.frozen
class AccountStatement:
    """Lines of an account between two balances.

    Attributes:
        account: Number as the owner knows it.
        currency: ISO 4217 code.
        opened_on: First day, UTC.
        closed_on: Last day, UTC.
        opening_minor: Balance before the first line.
        lines: By their place.
        until_pos: The place in the ledger up to which it is complete.
    """

    account: str
    currency: str
    opened_on: dt.date
    closed_on: dt.date
    opening_minor: int
    lines: tuple[Line, ...]
    until_pos: int

    @property
    def closing_minor(self) -> int:
        """Balance after the last line."""
        return self.lines[-1].balance_minor if self.lines else self.opening_minor

    @property
    def credit_minor(self) -> int:
        """Sum of what came in."""
        return sum(line.amount_minor for line in self.lines if line.amount_minor > 0)

    @property
    def debit_minor(self) -> int:
        """Sum of what was paid."""
        return -sum(line.amount_minor for line in self.lines if line.amount_minor < 0)


def posted(row: LedgerRow, account_id: int) -> int:
    """Return the change of an account's posted balance by a row (credits less debits)."""
    if row.flags & _POSTS_NOTHING or account_id not in (row.debit_id, row.credit_id):
        return 0
    return row.amount if account_id == row.credit_id else -row.amount


def lines_of(
    rows: Iterable[LedgerRow],
    account_id: int,
    *,
    opening_minor: int = 0,
    say: Callable[[LedgerRow], Said] = lambda _: Said(),
) -> tuple[Line, ...]:
    """The lines of an account from rows of the ledger; those that move nothing are left out.

    Args:
        rows: By their place.
        account_id: Of the ledger.
        opening_minor: Posted balance (credits less debits) before the first row.
        say: The words of a row.
    """
    lines: list[Line] = []
    balance = opening_minor
    for row in rows:
        amount = posted(row, account_id)
        if amount:
            balance += amount
            lines.append(Line(row.pos, row.at_ms, row.id, amount, balance, say(row)))
    return tuple(lines)


def by_period(statement: AccountStatement, period: Period) -> Sequence[AccountStatement]:
    """A statement cut into days or months (UTC); those without lines are left out."""
    parts: list[AccountStatement] = []
    balance = statement.opening_minor
    grouped = itertools.groupby(statement.lines, lambda line: _period(line.at_ms, period))
    for (first, last), group in grouped:
        lines = tuple(group)
        part = attrs.evolve(
            statement,
            opened_on=max(first, statement.opened_on),
            closed_on=min(last, statement.closed_on),
            opening_minor=balance,
            lines=lines,
            until_pos=lines[-1].pos,
        )
        balance = part.closing_minor
        parts.append(part)
    if parts:
        parts[-1] = attrs.evolve(parts[-1], until_pos=statement.until_pos)
    return parts


def read_month(typed: str, today: dt.date) -> dt.date | None:
    """The first day of the month that a person typed.

    Args:
        typed: "2026-11", "11.2026"; empty: this month.
        today: UTC.

    Returns:
        None if it is no month, or one to come.
    """
    found = _MONTH.fullmatch(typed.strip())
    if not typed.strip():
        return today.replace(day=1)
    if found is None:
        return None
    year, month = found["year"] or found["year2"], found["month"] or found["month2"]
    try:
        first = dt.date(int(year), int(month), 1)
    except ValueError:
        return None
    return first if first <= today else None


def write_csv(statement: AccountStatement) -> bytes:
    """A statement as CSV (RFC 4180, UTF-8), which a spreadsheet does not run.

    A text that begins as a formula does gets a leading apostrophe. Amounts are ours and stay
    numbers.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(CSV_HEAD)
    for line in statement.lines:
        at = dt.datetime.fromtimestamp(line.at_ms // 1000, dt.UTC)
        amount = decimal(abs(line.amount_minor), statement.currency)
        is_credit = line.amount_minor > 0
        writer.writerow(
            [
                f"{at:%Y-%m-%d}",
                f"{at:%H:%M:%S}",
                line.id,
                amount if is_credit else "",
                "" if is_credit else amount,
                decimal(line.balance_minor, statement.currency),
                statement.currency,
                _inert(line.said.name),
                _inert(line.said.text or line.said.reference),
            ]
        )
    return out.getvalue().encode()


def write_camt(statement: AccountStatement, statement_id: str, now_ms: int) -> BankMessage:
    """A statement as camt.053, which bookkeeping reads.

    Args:
        statement: At most ``LINES_MAX`` lines.
        statement_id: At most 35 characters, the same for the same account and period.
        now_ms: When it is made, UTC.
    """
    entries = [
        Entry(
            key=line.id,
            amount_minor=abs(line.amount_minor),
            is_credit=line.amount_minor > 0,
            currency=statement.currency,
            booked_on=day(line.at_ms),
            other_name=line.said.name,
            reference=line.said.reference,
            text="" if line.said.reference else line.said.text,
        )
        for line in statement.lines
    ]
    whole = Statement(
        statement_id,
        statement.account,
        statement.currency,
        statement.opened_on,
        statement.closed_on,
        statement.opening_minor,
        statement.closing_minor,
        entries,
    )
    return write_statement(whole, now_ms)


def _period(at_ms: int, period: Period) -> tuple[dt.date, dt.date]:
    on = day(at_ms)
    if period is Period.DAY:
        return on, on
    first = on.replace(day=1)
    return first, (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
