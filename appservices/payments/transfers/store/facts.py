"""SQL of what the rules of a payer go by: what went to somebody, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from appservices.payments.transfers.core.payment import Payment
    from veche.runtime.database import Cursor


@attrs.frozen
class Gone:
    """The sums paid, or on their way, from a payer to a payee in a currency.

    Attributes:
        earlier_minor: Of what was approved up to a moment, less what came back.
        lately_minor: Of what was approved since, with fees.
    """

    earlier_minor: int
    lately_minor: int


def gone_to(
    txn: Cursor, payer: int, payee: int, ledger: int, since_ms: int, beside: str = ""
) -> Gone:
    """Sum up payments from one holder to another in a currency.

    Args:
        txn: The payer is locked in it.
        payer: From whom.
        payee: To whom.
        ledger: Number of the currency.
        since_ms: UTC.
        beside: Id of a payment that counts for nothing.
    """
    txn.execute(
        "WITH gone AS (SELECT id AS payment_id, amount + fee AS minor,"
        "  coalesce(approved_at_ms, changed_at_ms) > %(since_ms)s AS is_late"
        "  FROM payments.payment WHERE payer = %(payer)s AND payee = %(payee)s"
        "  AND ledger = %(ledger)s AND id <> %(id)s"
        "  AND state IN ('holding', 'held', 'paying', 'paid')"
        "  AND kind NOT IN ('refund', 'escrow') AND allowance_id IS NULL"
        # What an escrow pays counts from when it was put aside; before that it is on its way.
        "  UNION ALL SELECT payment_id, coalesce(to_seller, amount),"
        "  state = 'funding' OR funded_at_ms > %(since_ms)s"
        "  FROM payments.escrow WHERE buyer = %(payer)s AND seller = %(payee)s"
        "  AND ledger = %(ledger)s AND id <> %(id)s"
        "  AND (state IN ('funding', 'released', 'shared') OR funded_at_ms > %(since_ms)s)),"
        " kept AS (SELECT minor, is_late, (SELECT coalesce(sum(r.amount), 0)"
        "  FROM payments.payment AS r WHERE r.refund_of = gone.payment_id AND r.state = 'paid')"
        "  AS back_minor FROM gone)"
        " SELECT coalesce(sum(greatest(minor - back_minor, 0)) FILTER (WHERE NOT is_late), 0),"
        " coalesce(sum(minor) FILTER (WHERE is_late), 0) FROM kept",
        {
            "since_ms": since_ms,
            "payer": payer,
            "payee": payee,
            "ledger": ledger,
            "id": beside,
        },
    )
    [(earlier, lately)] = txn.fetchall()
    return Gone(int(earlier), int(lately))


def unguarded_minor(txn: Cursor, payment: Payment, since_ms: int) -> int:
    """Sum up other payments since a moment without guardians, to any payee.

    It counts from when it went out: what was approved at once and waits a day goes at once, too.

    Args:
        txn: The payer is locked in it.
        payment: From whom, in which currency.
        since_ms: UTC.
    """
    txn.execute(
        "SELECT coalesce(sum(amount + fee), 0) FROM payments.payment AS p"
        " WHERE payer = %s AND ledger = %s AND id <> %s"
        " AND state IN ('holding', 'held', 'paying', 'paid') AND kind NOT IN ('refund', 'escrow')"
        " AND changed_at_ms > %s"
        " AND NOT EXISTS (SELECT FROM payments.guarded AS g WHERE g.payment_id = p.id)",
        (payment.payer, payment.ledger, payment.id, since_ms),
    )
    [(minor,)] = txn.fetchall()
    # What went into an escrow went out then, and not once more when its seller gets it.
    aside = funded_minor(txn, payment.payer, payment.ledger, since_ms, is_unguarded=True)
    return int(minor) + aside


def funded_minor(
    txn: Cursor, buyer: int, ledger: int, since_ms: int, *, is_unguarded: bool = False
) -> int:
    """Sum up a buyer's holds for escrows since a moment that did not come back.

    Args:
        txn: The transaction.
        buyer: Number of the holder.
        ledger: Number of the currency.
        since_ms: UTC.
        is_unguarded: Only what no guardians were asked about.
    """
    txn.execute(
        "SELECT coalesce(sum(coalesce(to_seller, amount)), 0) FROM payments.escrow AS e"
        " WHERE buyer = %s AND ledger = %s AND (state = 'funding' OR funded_at_ms > %s)"
        " AND NOT (%s AND EXISTS (SELECT FROM payments.guarded AS g WHERE g.payment_id = e.id))",
        (buyer, ledger, since_ms, is_unguarded),
    )
    [(minor,)] = txn.fetchall()
    return int(minor)
