"""SQL of lines that a bank tells twice: as the payments of a batch, and as their sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.banks.core.repeated_lines import Told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.banks.core.port import Entry
    from veche.runtime.database import Cursor

IN_PARTS: Final = " in parts"
"""Ends the key of the line that takes a sum out of suspense, whose payments are told after it."""


@attrs.frozen
class Sum:
    """A line that was booked as the sum of a batch.

    Attributes:
        key: Of the line.
        state: Of the line.
        signed_minor: What it added to the balance.
        is_free: Whether it is in suspense, or on its way there, and nobody decided about it.
        is_known: Whether a payment of the batch was told before.
    """

    key: str
    state: str
    signed_minor: int
    is_free: bool
    is_known: bool


def told_lines(txn: Cursor, bank_name: str, entry: Entry, by: str) -> list[Told]:
    """Find the payments of the batch that a line is the sum of, and what else may be its money.

    That is what only advices told of the day and side of a statement's line; of an advice's line,
    the batches and its order that only the statement told.
    """
    txn.execute(
        "SELECT key, coalesce(batch, ''), signed_minor, coalesce(order_id, '')"
        " FROM payments.bank_line WHERE bank = %(bank)s AND signed_minor <> 0 AND (batch = %(key)s"
        "  OR told_by NOT IN (%(by)s, 'both') AND booked_on = %(day)s AND key <> %(key)s"
        "  AND sign(signed_minor) = sign(%(minor)s)"
        "  AND (told_by = 'advice' OR batch <> '' OR order_id = %(order)s))"
        " ORDER BY at_ms, key FOR UPDATE",
        {
            "bank": bank_name,
            "key": entry.key,
            "by": by,
            "day": entry.booked_on,
            "minor": entry.signed_minor,
            "order": entry.order_id,
        },
    )
    return [Told(*row) for row in txn.fetchall()]


def tell(txn: Cursor, bank_name: str, keys: Sequence[str], by: str) -> None:
    """Note that lines were told, by an advice or a statement."""
    txn.execute(
        "UPDATE payments.bank_line SET told_by = 'both'"
        " WHERE bank = %s AND key = ANY(%s) AND told_by NOT IN (%s, 'both')",
        (bank_name, list(keys), by),
    )


def set_told_again(txn: Cursor, bank_name: str, key: str) -> None:
    """Note that a line is money that is booked already: it moves nothing."""
    txn.execute(
        "UPDATE payments.bank_line SET signed_minor = 0, state = 'posted'"
        " WHERE bank = %s AND key = %s",
        (bank_name, key),
    )


def set_batch(txn: Cursor, bank_name: str, key: str, batch: str) -> None:
    """Note of which batch a line is a part."""
    txn.execute(
        "UPDATE payments.bank_line SET batch = %s WHERE bank = %s AND key = %s",
        (batch, bank_name, key),
    )


def sum_of_batch(txn: Cursor, bank_name: str, entry: Entry, by: str) -> Sum | None:
    """Find the line that was booked as the sum of the batch of which a line is one payment.

    Returns:
        None: there is none, or it was taken apart already.
    """
    txn.execute(
        "SELECT key, state, signed_minor,"
        "  order_id IS NULL AND expected_id IS NULL AND state <> 'posted'"
        "  AND NOT EXISTS (SELECT FROM payments.suspense_order AS o"
        "   WHERE o.bank = l.bank AND o.line = l.key AND o.state = 'ordered') AS is_free,"
        " EXISTS (SELECT FROM payments.bank_line AS m"
        "  WHERE m.bank = l.bank AND m.batch = %(batch)s AND m.key <> %(key)s)"
        " FROM payments.bank_line AS l WHERE bank = %(bank)s AND batch IS NULL"
        " AND sign(signed_minor) = sign(%(minor)s) AND key <> %(key)s"
        " AND (key = %(batch)s OR signed_minor = %(minor)s AND booked_on = %(day)s"
        "  AND told_by NOT IN (%(by)s, 'both') AND order_id IS NULL AND expected_id IS NULL"
        "  AND state <> 'posted')"
        " AND NOT EXISTS (SELECT FROM payments.bank_line AS p WHERE p.bank = l.bank"
        "  AND (p.key = l.key || %(end)s OR p.batch = %(batch)s AND p.signed_minor = -%(minor)s"
        "   AND right(p.key, length(%(end)s)) = %(end)s))"
        " ORDER BY key <> %(batch)s, at_ms, key LIMIT 1 FOR UPDATE",
        {
            "bank": bank_name,
            "batch": entry.batch,
            "key": entry.key,
            "minor": entry.batch_minor,
            "day": entry.booked_on,
            "by": by,
            "end": IN_PARTS,
        },
    )
    row = txn.fetchone()
    return None if row is None else Sum(*row)


def is_apart(txn: Cursor, bank_name: str, key: str) -> bool:
    """Return whether a line is a sum that was split, or the counter-entry of the split."""
    txn.execute(
        "SELECT FROM payments.bank_line AS l JOIN payments.bank_line AS p ON p.bank = l.bank"
        "  AND p.key = l.key || %(end)s AND p.signed_minor = -l.signed_minor"
        " WHERE l.bank = %(bank)s AND l.key = ANY(%(keys)s)",
        {"bank": bank_name, "end": IN_PARTS, "keys": [key, key.removesuffix(IN_PARTS)]},
    )
    return txn.rowcount > 0
