"""SQL of lines in suspense, and of what operators decided about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.banks.store.banks import SUSPENSE, ExpectedRow
from appservices.payments.ledger.core import AccountCode

if TYPE_CHECKING:
    import datetime as dt

    from veche.runtime.database import Cursor

ORDERED, DONE, REFUSED = "ordered", "done", "refused"
"""States of what was decided: it waits for ledger or bank, is done, or could not be."""
ASSIGN, RETURN, MATCH = "assign", "return", "match"
"""Kinds: it is somebody's, it goes back by the bank, lines settle one another."""
CHARGE, LOSS = "charge", "loss"
"""Kinds, of money that went out: whose order it was approved it again, the institution bears it."""
_COLUMNS: Final = "id, bank, line, kind, state, account, expected_id, sealed, at_ms"


@attrs.frozen
class SuspenseLine:
    """A line that nobody could tell what it is for.

    Attributes:
        bank: Which.
        key: Of the line.
        ledger: Number of the currency.
        signed_minor: What came in, or went out (below zero).
        booked_on: By the bank.
        sealed: What the bank said of it.
        ordered: What was decided and is not done yet; empty: nothing.
    """

    bank: str
    key: str
    ledger: int
    signed_minor: int
    booked_on: dt.date
    sealed: bytes
    ordered: str


@attrs.frozen
class SuspenseOrder:
    """The operator's decision about a line; the fields are those of the table."""

    id: str
    bank: str
    line: str
    kind: str
    state: str
    account: int | None
    expected_id: str | None
    sealed: bytes
    at_ms: int


def lines(txn: Cursor) -> list[SuspenseLine]:
    """All lines in suspense, the oldest first."""
    txn.execute(
        "SELECT l.bank, l.key, b.ledger, l.signed_minor, l.booked_on, l.sealed,"
        " coalesce(o.kind, '') FROM payments.bank_line AS l"
        " JOIN payments.bank AS b ON b.name = l.bank"
        " LEFT JOIN payments.suspense_order AS o"
        "  ON o.bank = l.bank AND o.line = l.key AND o.state = 'ordered'"
        " WHERE l.state = %s ORDER BY l.at_ms, l.key",
        (SUSPENSE,),
    )
    return [
        SuspenseLine(bank, key, ledger, signed, booked_on, bytes(sealed), ordered)
        for bank, key, ledger, signed, booked_on, sealed, ordered in txn.fetchall()
    ]


def lock(txn: Cursor) -> None:
    """Let nobody else decide about lines until the transaction ends."""
    txn.execute("LOCK TABLE payments.suspense_order IN SHARE ROW EXCLUSIVE MODE")


def settled_by_hand(txn: Cursor, ledger: int) -> int:
    """How much of the lines in suspense of a currency is not in the ledger's account any more.

    An operator took it out otherwise: by settling with another institution.
    """
    txn.execute(
        "SELECT (SELECT coalesce(sum(l.signed_minor), 0) FROM payments.bank_line AS l"
        "  JOIN payments.bank AS b ON b.name = l.bank"
        "  WHERE b.ledger = %(ledger)s AND l.state = %(state)s)"
        " - (SELECT coalesce(sum(l.credits_posted - l.debits_posted), 0)"
        "  FROM payments.account AS a JOIN ledger.account AS l ON l.shard = 0 AND l.id = a.id"
        "  WHERE a.ledger = %(ledger)s AND a.code = %(code)s)",
        {"ledger": ledger, "state": SUSPENSE, "code": int(AccountCode.SUSPENSE)},
    )
    [(minor,)] = txn.fetchall()
    return int(minor)


def expected_by(txn: Cursor, bank: str, reference: str) -> ExpectedRow | None:
    """Return the entry that still expects money with a reference at a bank."""
    txn.execute(
        "SELECT id, account, amount, coalesce(reference, ''), coalesce(virtual_account, '')"
        " FROM payments.bank_expected WHERE bank = %s AND is_open AND reference = %s FOR UPDATE",
        (bank, reference),
    )
    row = txn.fetchone()
    return ExpectedRow(*row) if row else None


def add(txn: Cursor, order: SuspenseOrder) -> None:
    """Keep what was decided; of a kind that is done with it, it is done at once."""
    txn.execute(
        "INSERT INTO payments.suspense_order"
        " (id, bank, line, kind, state, account, expected_id, sealed, at_ms, ended_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, CASE WHEN %s = 'ordered' THEN NULL"
        " ELSE %s END)",
        (*attrs.astuple(order), order.state, order.at_ms),
    )


def order(txn: Cursor, order_id: str) -> SuspenseOrder | None:
    """Lock and return a decision, so that nobody else ends it meanwhile; None: there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.suspense_order WHERE id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (order_id,),
    )
    row = txn.fetchone()
    return _order(row) if row else None


def end(txn: Cursor, order_id: str, state: str, now_ms: int) -> None:
    """Note how it ended."""
    txn.execute(
        "UPDATE payments.suspense_order SET state = %s, ended_at_ms = %s WHERE id = %s",
        (state, now_ms, order_id),
    )


def decided(txn: Cursor, limit: int) -> list[SuspenseOrder]:
    """List decisions, newest first."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.suspense_order ORDER BY at_ms DESC, id LIMIT %s",  # noqa: S608 -- a constant
        (limit,),
    )
    return [_order(row) for row in txn.fetchall()]


def has_decided(txn: Cursor, bank_order: str) -> bool:
    """Return whether lines came for an order, and an operator decided about all of them."""
    txn.execute(
        "SELECT count(*) > 0 AND bool_and(l.state = 'posted' AND EXISTS ("
        "  SELECT FROM payments.suspense_order AS o"
        "  WHERE o.bank = l.bank AND o.line = l.key AND o.state = 'done'))"
        " FROM payments.bank_line AS l WHERE l.order_id = %s AND EXISTS ("
        "  SELECT FROM payments.bank_order AS b WHERE b.id = l.order_id AND b.bank = l.bank)",
        (bank_order,),
    )
    [(is_so,)] = txn.fetchall()
    return bool(is_so)


def _order(row: tuple[Any, ...]) -> SuspenseOrder:
    found = SuspenseOrder(*row)
    return attrs.evolve(found, sealed=bytes(found.sealed))
