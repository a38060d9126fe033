"""SQL of what organisations give back over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.refunds.api import REFUNDS_MAX

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


@attrs.frozen
class RefundRow:
    """A refund that an organisation ordered, with its payment's state.

    Attributes:
        payment_id: Of the payment that gives it back.
        invoice_id: Of the invoice.
        ours: What the organisation knows it by.
        changed_at_ms: When it got into its state, UTC.
    """

    payment_id: str
    invoice_id: str
    ours: str
    state: str
    amount_minor: int
    why: str | None
    changed_at_ms: int


def paid_payment(txn: Cursor, invoice_id: str, payee: int) -> str | None:
    """The payment of an invoice of an organisation that is paid; None if it is not."""
    txn.execute(
        "SELECT i.paid_by FROM payments.invoice AS i JOIN payments.payment AS p ON p.id = i.paid_by"
        " WHERE i.id = %s AND i.payee = %s AND p.state = 'paid' ORDER BY i.version DESC LIMIT 1",
        (invoice_id, payee),
    )
    row = txn.fetchone()
    return str(row[0]) if row else None


def left_minor(txn: Cursor, payment_id: str) -> int:
    """How much of a payment can still go back, as it stands; nothing is locked."""
    txn.execute(
        "SELECT p.amount - coalesce(g.refunded + g.disputed, 0) FROM payments.payment AS p"
        " LEFT JOIN payments.given_back AS g ON g.payment_id = p.id WHERE p.id = %s",
        (payment_id,),
    )
    [(minor,)] = txn.fetchall()
    return int(minor)


def has_invoice(txn: Cursor, invoice_id: str, payee: int) -> bool:
    """Return whether an organisation has such an invoice."""
    txn.execute(
        "SELECT EXISTS (SELECT FROM payments.invoice WHERE id = %s AND payee = %s)",
        (invoice_id, payee),
    )
    [(found,)] = txn.fetchall()
    return bool(found)


def add(
    txn: Cursor, payment_id: str, invoice_id: str, ours: str, reason: bytes, sha256: bytes
) -> None:
    """Keep why and by which request something is given back.

    Args:
        txn: The transaction.
        payment_id: Of the payment that gives it back, which is kept.
        invoice_id: Of the invoice.
        ours: What the organisation knows it by.
        reason: Sealed.
        sha256: Of the request.
    """
    txn.execute(
        "INSERT INTO payments.api_refund (payment_id, invoice_id, ours, reason, sha256)"
        " VALUES (%s, %s, %s, %s, %s)",
        (payment_id, invoice_id, ours, reason, sha256),
    )


def of_invoice(txn: Cursor, invoice_id: str) -> list[RefundRow]:
    """List the requested refunds of an invoice, in order."""
    return _rows(txn, "r.invoice_id = %s", invoice_id)


def of_payment(txn: Cursor, payment_id: str) -> RefundRow | None:
    """The refund that a payment is; None if it is none that was ordered by request."""
    found = _rows(txn, "r.payment_id = %s", payment_id)
    return found[0] if found else None


def _rows(txn: Cursor, where: str, value: str) -> list[RefundRow]:
    txn.execute(
        "SELECT r.payment_id, r.invoice_id, r.ours, p.state, p.amount, p.why, p.changed_at_ms"  # noqa: S608 -- a constant
        " FROM payments.api_refund AS r JOIN payments.payment AS p ON p.id = r.payment_id"
        f" WHERE {where} ORDER BY r.payment_id LIMIT {REFUNDS_MAX}",
        (value,),
    )
    return [RefundRow(*row) for row in txn.fetchall()]
