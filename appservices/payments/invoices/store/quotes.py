"""SQL of quotes: what an invoice costs besides, asked of its merchant before it is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.invoices.core.quote import QuoteState

if TYPE_CHECKING:
    from typing import Any

    from veche.runtime.database import Cursor

_COLUMNS: Final = "q.payment_id, q.state, q.version, q.chosen, q.sealed"


@attrs.frozen
class QuoteRow:
    """A quote as it is kept.

    Attributes:
        payment_id: Of the payment that waits for it.
        version: Counts the merchant's answers.
        chosen_minor: What the chosen option costs; None: none is chosen.
        sealed: Where to, and what was offered, under the operator's key.
    """

    payment_id: str
    state: QuoteState
    version: int
    chosen_minor: int | None
    sealed: bytes


def save(txn: Cursor, row: QuoteRow, now_ms: int) -> None:
    """Keep a quote, new or as it is now."""
    txn.execute(
        "INSERT INTO payments.quote (payment_id, state, version, chosen, sealed, changed_at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (payment_id) DO UPDATE"
        " SET state = EXCLUDED.state, version = EXCLUDED.version, chosen = EXCLUDED.chosen,"
        " sealed = EXCLUDED.sealed, changed_at_ms = EXCLUDED.changed_at_ms",
        (row.payment_id, row.state.value, row.version, row.chosen_minor, row.sealed, now_ms),
    )


def lock(txn: Cursor, payment_id: str) -> QuoteRow | None:
    """The quote of a payment, locked until the transaction ends; None if it has none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.quote AS q WHERE payment_id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (payment_id,),
    )
    row = txn.fetchone()
    return _row(row) if row else None


def newest_of(txn: Cursor, payer: int) -> str | None:
    """The payment of a payer that has the newest quote and is not approved; None: there is none."""
    txn.execute(
        "SELECT q.payment_id FROM payments.quote AS q JOIN payments.payment AS p"
        " ON p.id = q.payment_id WHERE p.payer = %s AND p.state = 'asked'"
        " ORDER BY p.id DESC LIMIT 1",
        (payer,),
    )
    row = txn.fetchone()
    return row[0] if row else None


def _row(row: tuple[Any, ...]) -> QuoteRow:
    payment_id, state, version, chosen_minor, sealed = row
    return QuoteRow(payment_id, QuoteState(state), version, chosen_minor, bytes(sealed))
