"""SQL of what an operator looks at: where the ledger stands, and what banks left open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import datetime as dt

    from veche.runtime.database import Cursor


class LastBlock(NamedTuple):
    """The last block of a shard.

    Attributes:
        seq: Its number; 0: there is none yet.
        at_ms: Ledger time, UTC.
        head: What all that was ever committed leads to.
    """

    seq: int
    at_ms: int
    head: bytes


class Day(NamedTuple):
    """The last day that a bank closed.

    Attributes:
        day: By the bank.
        closing_minor: The balance that the bank says.
        difference_minor: What the ledger does not explain of it.
    """

    day: dt.date
    closing_minor: int
    difference_minor: int


def last_block(txn: Cursor, shard: int) -> LastBlock:
    """Where a shard stands."""
    txn.execute("SELECT seq, at_ms, head FROM ledger.shard WHERE shard = %s", (shard,))
    row = txn.fetchone()
    return LastBlock(row[0], row[1], bytes(row[2])) if row else LastBlock(0, 0, bytes(32))


class Bank(NamedTuple):
    """A bank.

    Attributes:
        name: As in the configuration.
        account: Ours there.
        currency: Of it.
        ledger: Number of the currency.
        is_stopped: A day's end left something unexplained.
    """

    name: str
    account: str
    currency: str
    ledger: int
    is_stopped: bool


def banks(txn: Cursor) -> list[Bank]:
    """All banks that there have ever been."""
    txn.execute(
        "SELECT b.name, b.account, c.code, b.ledger, b.stopped_at_ms IS NOT NULL"
        " FROM payments.bank AS b JOIN payments.currency AS c USING (ledger) ORDER BY b.name"
    )
    return [Bank(*row) for row in txn.fetchall()]


def own_balance(txn: Cursor, ledger: int, code: int) -> int:
    """Credits less debits of an account of the institution; 0 if it has none."""
    txn.execute(
        "SELECT coalesce(sum(l.credits_posted - l.debits_posted), 0)::bigint"
        " FROM payments.account AS a JOIN payments.holder AS h ON h.id = a.holder"
        " JOIN ledger.account AS l ON l.shard = 0 AND l.id = a.id"
        " WHERE h.kind = 'institution' AND a.ledger = %s AND a.code = %s",
        (ledger, code),
    )
    [(minor,)] = txn.fetchall()
    return int(minor)


def last_day(txn: Cursor, bank: str) -> Day | None:
    """The last day that a bank closed; None before the first."""
    txn.execute(
        "SELECT day, closing_minor, difference_minor FROM payments.bank_day WHERE bank = %s"
        " ORDER BY day DESC LIMIT 1",
        (bank,),
    )
    row = txn.fetchone()
    return Day(*row) if row else None


def open_orders(txn: Cursor, bank: str) -> list[tuple[str, str, int]]:
    """Orders to a bank that are not over: id, state, minor units; the oldest first."""
    txn.execute(
        "SELECT id, state, amount FROM payments.bank_order WHERE bank = %s"
        " AND state NOT IN ('booked', 'rejected', 'returned') ORDER BY id",
        (bank,),
    )
    return txn.fetchall()


def lines_in_suspense(txn: Cursor, bank: str) -> list[tuple[str, int]]:
    """Lines of a bank that nobody could tell what they are for: key, signed minor units."""
    txn.execute(
        "SELECT key, signed_minor FROM payments.bank_line WHERE bank = %s AND state = 'suspense'"
        " ORDER BY at_ms, key",
        (bank,),
    )
    return txn.fetchall()
