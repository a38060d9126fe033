"""SQL of credit notes: each is kept as it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


class Refunded(NamedTuple):
    """A refund that was made, of a payment, with its credit note if there is one.

    Attributes:
        payment_id: Of the refund.
        amount_minor: How much.
        at_ms: When it was made, UTC.
        n: Number of its credit note; None: there is none yet.
        sealed: Lines of that, under the operator's key.
        reason: Sealed, of what an organisation gave back by request; else None.
    """

    payment_id: str
    amount_minor: int
    at_ms: int
    n: int | None
    sealed: bytes | None
    reason: bytes | None


def refunds(txn: Cursor, paid_by: str) -> list[Refunded]:
    """List the refunds of a payment in order; locked, so that no other credit note is made."""
    txn.execute("SELECT FROM payments.payment WHERE id = %s FOR UPDATE", (paid_by,))
    txn.execute(
        "SELECT p.id, p.amount, p.changed_at_ms, c.n, c.sealed, r.reason"
        " FROM payments.payment AS p LEFT JOIN payments.credit_note AS c ON c.payment_id = p.id"
        " LEFT JOIN payments.api_refund AS r ON r.payment_id = p.id"
        " WHERE p.refund_of = %s AND p.kind = 'refund' AND p.state = 'paid'"
        " ORDER BY p.changed_at_ms, p.id",
        (paid_by,),
    )
    return [
        Refunded(id_, amount, at_ms, n, sealed and bytes(sealed), reason and bytes(reason))
        for id_, amount, at_ms, n, sealed, reason in txn.fetchall()
    ]


def add(txn: Cursor, refund: str, paid_by: str, n: int, sealed: bytes, now_ms: int) -> None:
    """Keep a credit note."""
    txn.execute(
        "INSERT INTO payments.credit_note (payment_id, paid_by, n, sealed, made_at_ms)"
        " VALUES (%s, %s, %s, %s, %s)",
        (refund, paid_by, n, sealed, now_ms),
    )
