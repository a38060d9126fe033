"""SQL of what payees pass on of payments, and of what refunds take back of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.runtime.database import Cursor


@attrs.frozen
class PartRow:
    """A part of a payment that its payee passes on.

    Attributes:
        n: Counts them, from 1.
        payee: Number of the holder who gets it.
        what: ``share``, ``fee`` or ``tax``.
        amount_minor: At least 1.
        back_minor: What refunds took back of it, or are taking back.
    """

    n: int
    payee: int
    what: str
    amount_minor: int
    back_minor: int = 0


def add_parts(txn: Cursor, payment_id: str, parts: Sequence[PartRow]) -> None:
    """Keep what is passed on of a payment, once."""
    for part in parts:
        txn.execute(
            "INSERT INTO payments.part (payment_id, n, payee, what, amount)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (payment_id, n) DO NOTHING",
            (payment_id, part.n, part.payee, part.what, part.amount_minor),
        )


def parts_of(txn: Cursor, payment_id: str) -> list[PartRow]:
    """List the parts that a payment passed on, by number; failed refunds took nothing back."""
    txn.execute(
        "SELECT p.n, p.payee, p.what, p.amount, coalesce((SELECT sum(b.amount)"
        " FROM payments.part_back AS b JOIN payments.payment AS r ON r.id = b.refund_id"
        " WHERE b.payment_id = p.payment_id AND b.n = p.n AND r.state IN ('paying', 'paid')), 0)"
        " FROM payments.part AS p WHERE p.payment_id = %s ORDER BY p.n",
        (payment_id,),
    )
    return [PartRow(n, payee, what, amount, int(b)) for n, payee, what, amount, b in txn.fetchall()]


def add_back(txn: Cursor, refund_id: str, payment_id: str, back: Mapping[int, int]) -> None:
    """Keep what a refund takes back of each part."""
    for n, minor in back.items():
        txn.execute(
            "INSERT INTO payments.part_back (refund_id, payment_id, n, amount)"
            " VALUES (%s, %s, %s, %s) ON CONFLICT (refund_id, n) DO NOTHING",
            (refund_id, payment_id, n, minor),
        )
