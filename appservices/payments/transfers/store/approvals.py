"""SQL of what approved a payment, and of whom it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def approval_of(txn: Cursor, allowance_id: str) -> str | None:
    """Return the nonce of the giver's approval of an allowance; None if there is none."""
    txn.execute("SELECT approved_by FROM payments.allowance WHERE id = %s", (allowance_id,))
    row = txn.fetchone()
    return row[0] if row else None


def spender_of(txn: Cursor, allowance_id: str) -> int | None:
    """Number of the holder who pays by an allowance; None if there is no such allowance."""
    txn.execute("SELECT spender FROM payments.allowance WHERE id = %s", (allowance_id,))
    row = txn.fetchone()
    return int(row[0]) if row else None


def yes_of(txn: Cursor, payment_id: str) -> list[str]:
    """List the nonces by which guardians approved a payment."""
    txn.execute(
        "SELECT approved_by FROM payments.guardian_vote WHERE payment_id = %s AND is_yes",
        (payment_id,),
    )
    return [nonce for (nonce,) in txn.fetchall()]


def mandate_approval(txn: Cursor, mandate_id: str) -> str | None:
    """Return the nonce of the payer's approval of a mandate; None if there is none."""
    txn.execute("SELECT approved_by FROM payments.mandate WHERE id = %s", (mandate_id,))
    row = txn.fetchone()
    return row[0] if row else None
