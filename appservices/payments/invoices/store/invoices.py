"""SQL of invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.invoices.core.invoice import Invoice, InvoiceState

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

_COLUMNS: Final = (
    "id, version, payee, addressee, notice_id, ledger, amount, due_at_ms, state, paid_by, sealed,"
    " changed_at_ms, issued_at_ms"
)


@attrs.frozen
class InvoiceFile:
    """An invoice as it is kept.

    Attributes:
        sealed: The order, under the operator's key.
        changed_at_ms: When it got into its state, UTC.
        issued_at_ms: When this version was made, UTC.
    """

    invoice: Invoice
    sealed: bytes
    changed_at_ms: int
    issued_at_ms: int


def add_invoice(txn: Cursor, invoice: Invoice, sha256: bytes, sealed: bytes, now_ms: int) -> bool:
    """Keep a new version of an invoice.

    Returns:
        False if this version, another live one, or one with the same number of a notice stands
        there: nothing has changed.
    """
    txn.execute(
        "INSERT INTO payments.invoice (id, version, payee, addressee, notice_id, sha256, ledger,"
        " amount, due_at_ms, state, sealed, issued_at_ms, changed_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            invoice.id,
            invoice.version,
            invoice.payee,
            invoice.addressee,
            invoice.notice_id,
            sha256,
            invoice.ledger,
            invoice.amount_minor,
            invoice.due_at_ms,
            invoice.state.value,
            sealed,
            now_ms,
            now_ms,
        ),
    )
    return txn.rowcount == 1


def lock_invoice(txn: Cursor, invoice_id: str, version: int | None = None) -> InvoiceFile | None:
    """A version of an invoice, else the newest; locked until the transaction ends."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.invoice WHERE id = %s"  # noqa: S608 -- a constant
        " AND (%s::integer IS NULL OR version = %s) ORDER BY version DESC LIMIT 1 FOR UPDATE",
        (invoice_id, version, version),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def invoice(txn: Cursor, invoice_id: str, version: int) -> InvoiceFile | None:
    """A version of an invoice as it is; None if there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.invoice WHERE id = %s AND version = %s",  # noqa: S608 -- a constant
        (invoice_id, version),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def newest(txn: Cursor, invoice_id: str) -> InvoiceFile | None:
    """The newest version of an invoice as it is; None if there is no such invoice."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.invoice WHERE id = %s ORDER BY version DESC LIMIT 1",  # noqa: S608 -- a constant
        (invoice_id,),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def lock_taken(txn: Cursor, payment_id: str) -> InvoiceFile | None:
    """The invoice that a payment or a packet has taken, locked; None if it has taken none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.invoice WHERE paid_by = %s FOR UPDATE",  # noqa: S608 -- a constant
        (payment_id,),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def count_open(txn: Cursor, payee: int, addressee: int) -> int:
    """How many invoices of an issuer to somebody can be paid."""
    txn.execute(
        "SELECT count(*) FROM payments.invoice WHERE payee = %s AND addressee = %s"
        " AND state = 'issued'",
        (payee, addressee),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def save_invoice(txn: Cursor, invoice: Invoice, now_ms: int) -> None:
    """Keep the state of an invoice that is locked."""
    txn.execute(
        "UPDATE payments.invoice SET state = %s, paid_by = %s, changed_at_ms = %s"
        " WHERE id = %s AND version = %s",
        (invoice.state.value, invoice.paid_by, now_ms, invoice.id, invoice.version),
    )


def _file(row: tuple[Any, ...]) -> InvoiceFile:
    id_, version, payee, addressee, notice_id, ledger, amount, due_at_ms, *rest = row
    state, paid_by, sealed, changed_at_ms, issued_at_ms = rest
    invoice = Invoice(
        id=id_,
        version=version,
        payee=payee,
        addressee=addressee,
        notice_id=notice_id,
        ledger=ledger,
        amount_minor=amount,
        due_at_ms=due_at_ms,
        state=InvoiceState(state),
        paid_by=paid_by,
    )
    return InvoiceFile(invoice, bytes(sealed), changed_at_ms, issued_at_ms)
