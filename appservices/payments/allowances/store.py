"""SQL of allowances and of what they were used for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.allowances.core import AllowanceState, AllowanceTerms

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

_COLUMNS: Final = (
    "id, giver, spender, ledger, state, sealed, approved_by, each_max, period, period_max,"
    " starts_at_ms, ends_at_ms"
)


@attrs.frozen
class Allowance:
    """An allowance as it is kept.

    Attributes:
        id: ULID.
        giver: Number of the holder whose account it is.
        spender: Number of the holder who may pay from it.
        ledger: Number of the currency.
        sealed: Names and whom it may pay, under the operator's key.
        approved_by: Nonce of the giver's approval.
    """

    id: str
    giver: int
    spender: int
    ledger: int
    state: AllowanceState
    sealed: bytes
    approved_by: str | None
    terms: AllowanceTerms


def add_allowance(txn: Cursor, allowance: Allowance, now_ms: int) -> None:
    """Keep a new allowance."""
    terms = allowance.terms
    txn.execute(
        f"INSERT INTO payments.allowance ({_COLUMNS}, changed_at_ms)"  # noqa: S608 -- a constant
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            allowance.id,
            allowance.giver,
            allowance.spender,
            allowance.ledger,
            allowance.state.value,
            allowance.sealed,
            allowance.approved_by,
            terms.each_max_minor,
            terms.period,
            terms.period_max_minor,
            terms.starts_at_ms,
            terms.ends_at_ms,
            now_ms,
        ),
    )


def lock_allowance(txn: Cursor, allowance_id: str) -> Allowance | None:
    """An allowance that nobody else uses or ends until the transaction ends; None: there is none.

    Its giver has to be locked before, as whoever makes a payment of theirs does.
    """
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.allowance WHERE id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (allowance_id,),
    )
    row = txn.fetchone()
    return _allowance(row) if row else None


def giver_of(txn: Cursor, allowance_id: str) -> int | None:
    """Number of the giver of an allowance; None if there is no such allowance."""
    txn.execute("SELECT giver FROM payments.allowance WHERE id = %s", (allowance_id,))
    row = txn.fetchone()
    return int(row[0]) if row else None


def use_of_invoice(txn: Cursor, spender: int, invoice_id: str, version: int) -> str | None:
    """The newest payment of an invoice that somebody makes from the account of another."""
    txn.execute(
        "SELECT p.id FROM payments.payment AS p JOIN payments.allowance AS a"
        " ON a.id = p.allowance_id WHERE a.spender = %s AND p.invoice_id = %s"
        " AND p.invoice_version = %s ORDER BY p.id DESC LIMIT 1",
        (spender, invoice_id, version),
    )
    row = txn.fetchone()
    return str(row[0]) if row else None


def given_by(txn: Cursor, giver: int) -> list[Allowance]:
    """The allowances of a giver that are not ended, the oldest first."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.allowance WHERE giver = %s"  # noqa: S608 -- a constant
        " AND state <> 'ended' ORDER BY id",
        (giver,),
    )
    return [_allowance(row) for row in txn.fetchall()]


def given_to(txn: Cursor, spender: int) -> list[Allowance]:
    """The active allowances from which somebody may pay, the oldest first."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.allowance WHERE spender = %s"  # noqa: S608 -- a constant
        " AND state = 'active' ORDER BY id",
        (spender,),
    )
    return [_allowance(row) for row in txn.fetchall()]


def save_allowance(txn: Cursor, allowance: Allowance, now_ms: int) -> None:
    """Keep the state of an allowance that is locked, and what goes with it."""
    txn.execute(
        "UPDATE payments.allowance SET state = %s, approved_by = %s, starts_at_ms = %s,"
        " changed_at_ms = %s WHERE id = %s",
        (
            allowance.state.value,
            allowance.approved_by,
            allowance.terms.starts_at_ms,
            now_ms,
            allowance.id,
        ),
    )


def used_minor(txn: Cursor, allowance_id: str, period: int) -> int:
    """Return the sum used, or being used, in a period."""
    txn.execute(
        "SELECT used FROM payments.allowance_period WHERE allowance_id = %s AND period = %s",
        (allowance_id, period),
    )
    row = txn.fetchone()
    return int(row[0]) if row else 0


def use(txn: Cursor, allowance: Allowance, period: int, minor: int) -> None:
    """Count a use.

    Raises:
        psycopg2.Error: It is above the cap: the database does not let it pass.
    """
    txn.execute(
        "INSERT INTO payments.allowance_period AS p (allowance_id, period, cap, used)"
        " VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (allowance_id, period) DO UPDATE SET used = p.used + EXCLUDED.used",
        (allowance.id, period, allowance.terms.period_max_minor, minor),
    )


def give_back(txn: Cursor, allowance_id: str, period: int, minor: int) -> None:
    """Take back that a use was counted: it moved nothing."""
    txn.execute(
        "UPDATE payments.allowance_period SET used = used - %s"
        " WHERE allowance_id = %s AND period = %s",
        (minor, allowance_id, period),
    )


def given_minor(
    txn: Cursor, giver: int, spender: int, ledger: int, since_ms: int, used_since_ms: int
) -> int:
    """Sum up a giver's allowances to a spender in a period, with spent parts of ended ones.

    Args:
        txn: The giver is locked in it.
        giver: Number of the holder whose account it is.
        spender: Number of the holder who pays.
        ledger: Number of the currency.
        since_ms: When an allowance that counts was given, UTC.
        used_since_ms: When a payment by an ended one that counts was approved, UTC.
    """
    txn.execute(
        "SELECT coalesce(sum(CASE WHEN a.state = 'active' THEN a.period_max ELSE ("
        "  SELECT coalesce(sum(p.amount + p.fee), 0) FROM payments.payment AS p"
        "  WHERE p.allowance_id = a.id AND p.state IN ('holding', 'held', 'paying', 'paid')"
        "  AND coalesce(p.approved_at_ms, p.changed_at_ms) > %s) END), 0)"
        " FROM payments.allowance AS a WHERE giver = %s AND spender = %s AND ledger = %s"
        " AND (a.state = 'ended' OR a.state = 'active' AND a.changed_at_ms > %s)",
        (used_since_ms, giver, spender, ledger, since_ms),
    )
    [(minor,)] = txn.fetchall()
    return int(minor)


def waiting_of(txn: Cursor, allowance_id: str, limit: int) -> list[str]:
    """Ids of the uses of an allowance that wait for anybody or anything but the writer."""
    txn.execute(
        "SELECT id FROM payments.payment WHERE allowance_id = %s"
        " AND state IN ('asked', 'cooling', 'guarded', 'holding', 'held')"
        " ORDER BY state = 'asked', id LIMIT %s",
        (allowance_id, limit),
    )
    return [str(payment_id) for (payment_id,) in txn.fetchall()]


def _allowance(row: tuple[Any, ...]) -> Allowance:
    id_, giver, spender, ledger, state, sealed, approved_by, *terms = row
    return Allowance(
        id=id_,
        giver=giver,
        spender=spender,
        ledger=ledger,
        state=AllowanceState(state),
        sealed=bytes(sealed),
        approved_by=approved_by,
        terms=AllowanceTerms(*terms),
    )
