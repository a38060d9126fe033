"""SQL of fees: the invoices of cases, and what was heard of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def keep_fee(txn: Cursor, case_id: str, number: int, invoice_id: str) -> None:
    """Keep the invoice of a fee; the same again changes nothing."""
    txn.execute(
        "INSERT INTO agency.fee (case_id, number, invoice_id) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (case_id, number, invoice_id),
    )


def invoice_of_fee(txn: Cursor, case_id: str, number: int) -> str | None:
    """The invoice of a fee, if it is made."""
    txn.execute(
        "SELECT invoice_id FROM agency.fee WHERE case_id = %s AND number = %s", (case_id, number)
    )
    row = txn.fetchone()
    return row[0] if row else None


def payment_cursor(txn: Cursor, organisation: str) -> int:
    """The last event that an organisation has heard; 0: none."""
    txn.execute("SELECT cursor FROM agency.payment_cursor WHERE organisation = %s", (organisation,))
    row = txn.fetchone()
    return row[0] if row else 0


def move_payment_cursor(txn: Cursor, organisation: str, cursor: int) -> bool:
    """Note that an event is heard; False if it was before, in this process or another."""
    txn.execute(
        "INSERT INTO agency.payment_cursor AS c (organisation, cursor) VALUES (%s, %s)"
        " ON CONFLICT (organisation) DO UPDATE SET cursor = EXCLUDED.cursor"
        " WHERE c.cursor < EXCLUDED.cursor",
        (organisation, cursor),
    )
    return txn.rowcount == 1
