"""SQL of payments, and of the attempts to move their money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.store.facts import funded_minor

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

OPEN_SHOWN_MAX: Final = 50
"""Payments of one payer that are shown at once as not over."""
WAITING_MAX: Final = 100
"""Payments of one payer that wait, which a freeze ends in one transaction."""
_COLUMNS: Final = (
    "id, kind, state, payer, payee, ledger, amount, fee, asked_at_ms, due_at_ms, approved_by,"
    " instruction, mandate_id, period, bill_id, tip, allowance_id, approved_at_ms, invoice_id,"
    " invoice_version, refund_of, why, sealed, changed_at_ms"
)


@attrs.frozen
class PaymentFile:
    """A payment as it is kept.

    Attributes:
        sealed: Its names and what it is for, under the operator's key.
        changed_at_ms: When it got into its state, UTC.
    """

    payment: Payment
    sealed: bytes
    changed_at_ms: int


def add_payment(txn: Cursor, payment: Payment, sealed: bytes, now_ms: int) -> bool:
    """Keep a new payment; False if there is one of its id: its cause was handled before."""
    invoice = payment.invoice or (None, None)
    values = (
        payment.id,
        payment.kind.value,
        payment.state.value,
        payment.payer,
        payment.payee,
        payment.ledger,
        payment.amount_minor,
        payment.fee_minor,
        payment.asked_at_ms,
        payment.due_at_ms,
        payment.approved_by,
        payment.instruction,
        payment.mandate_id,
        payment.period,
        payment.bill,
        payment.tip_minor,
        payment.allowance_id,
        payment.approved_at_ms,
        *invoice,
        payment.refund_of,
        payment.why,
        sealed,
        now_ms,
    )
    txn.execute(
        f"INSERT INTO payments.payment ({_COLUMNS})"  # noqa: S608 -- a constant
        f" VALUES ({', '.join(['%s'] * len(values))}) ON CONFLICT (id) DO NOTHING",
        values,
    )
    return txn.rowcount == 1


def locked_before(txn: Cursor, payment_id: str) -> tuple[int, str | None] | None:
    """Return what to lock before a payment: its payer, and a share's bill; None: no payment."""
    txn.execute("SELECT payer, bill_id FROM payments.payment WHERE id = %s", (payment_id,))
    row = txn.fetchone()
    return (int(row[0]), row[1]) if row else None


def payer_of(txn: Cursor, payment_id: str) -> int | None:
    """Number of the payer of a payment; None if there is no such payment."""
    txn.execute("SELECT payer FROM payments.payment WHERE id = %s", (payment_id,))
    row = txn.fetchone()
    return int(row[0]) if row else None


def lock_payment(txn: Cursor, payment_id: str) -> PaymentFile | None:
    """A payment, which nobody else steps until the transaction ends; None if there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (payment_id,),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def payment(txn: Cursor, payment_id: str) -> PaymentFile | None:
    """A payment as it is; None if there is none of this id."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE id = %s",  # noqa: S608 -- a constant
        (payment_id,),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def save_payment(txn: Cursor, payment: Payment, now_ms: int) -> None:
    """Keep the state of a payment that is locked, and what goes with it."""
    txn.execute(
        "UPDATE payments.payment SET state = %s, due_at_ms = %s, approved_by = %s,"
        " instruction = %s, period = %s, approved_at_ms = %s, amount = %s, tip = %s, why = %s,"
        " changed_at_ms = %s WHERE id = %s",
        (
            payment.state.value,
            payment.due_at_ms,
            payment.approved_by,
            payment.instruction,
            payment.period,
            payment.approved_at_ms,
            payment.amount_minor,
            payment.tip_minor,
            payment.why,
            now_ms,
            payment.id,
        ),
    )


def of_allowance(txn: Cursor, allowance_id: str, limit: int) -> list[PaymentFile]:
    """List payments, also failed ones, by an allowance, newest first."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE allowance_id = %s"  # noqa: S608 -- a constant
        " AND state IN ('cooling', 'guarded', 'holding', 'held', 'paying', 'paid', 'refused')"
        " ORDER BY id DESC LIMIT %s",
        (allowance_id, limit),
    )
    return [_file(row) for row in txn.fetchall()]


def paid_of(txn: Cursor, holder_id: int, limit: int) -> list[PaymentFile]:
    """List payments by and to a holder, newest first."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE (payer = %(holder)s OR payee = %(holder)s)"  # noqa: S608 -- a constant
        " AND state = 'paid' ORDER BY changed_at_ms DESC, id DESC LIMIT %(limit)s",
        {"holder": holder_id, "limit": limit},
    )
    return [_file(row) for row in txn.fetchall()]


def waiting_of(txn: Cursor, payer: int) -> list[PaymentFile]:
    """Payments of a payer that wait for a clock, an approval or somebody else, locked.

    At most ``WAITING_MAX``; no shares, whose bills are locked before them.

    Those that are approved come first: the others are still asked for an approval.
    """
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE payer = %s"  # noqa: S608 -- a constant
        " AND state IN ('asked', 'cooling', 'guarded', 'held') AND kind <> 'share'"
        " ORDER BY state = 'asked', id LIMIT %s FOR UPDATE",
        (payer, WAITING_MAX),
    )
    return [_file(row) for row in txn.fetchall()]


def waiting_by(txn: Cursor, payer: int, mandate_id: str) -> list[str]:
    """Ids of the charges by a mandate that wait for their time or for guardians, the oldest first.

    At most ``WAITING_MAX``. Their payer is locked, so no other comes to wait and none goes on.
    """
    txn.execute(
        "SELECT id FROM payments.payment WHERE payer = %s AND mandate_id = %s"
        " AND state IN ('cooling', 'guarded') ORDER BY id LIMIT %s",
        (payer, mandate_id, WAITING_MAX),
    )
    return [payment_id for (payment_id,) in txn.fetchall()]


def open_of(txn: Cursor, payer: int) -> list[PaymentFile]:
    """List a payer's open payments (asked, waiting, being made), newest first; unlocked."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE payer = %s"  # noqa: S608 -- a constant
        " AND state NOT IN ('paid', 'returned', 'refused', 'cancelled', 'expired')"
        # Whoever may pay from the account is asked for it themselves.
        " AND NOT (state = 'asked' AND allowance_id IS NOT NULL) ORDER BY id DESC LIMIT %s",
        (payer, OPEN_SHOWN_MAX),
    )
    return [_file(row) for row in txn.fetchall()]


def open_of_invoice(txn: Cursor, payer: int, invoice_id: str, version: int) -> str | None:
    """The payment by which a payer is asked for an invoice already; None if they are not."""
    txn.execute(
        "SELECT id FROM payments.payment WHERE payer = %s AND invoice_id = %s"
        " AND invoice_version = %s AND state NOT IN ('paid', 'refused', 'cancelled', 'expired')"
        " ORDER BY id LIMIT 1",
        (payer, invoice_id, version),
    )
    row = txn.fetchone()
    return str(row[0]) if row else None


def waiting_for_invoice(txn: Cursor, invoice_id: str, version: int) -> list[PaymentFile]:
    """Payments of an invoice, which is locked, that wait for an approval or a clock; locked too.

    One that is being stepped just now is left out: it waits for the invoice, and finds it over.
    """
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE invoice_id = %s AND invoice_version = %s"  # noqa: S608 -- a constant
        " AND state IN ('asked', 'cooling', 'guarded') ORDER BY id LIMIT %s"
        " FOR UPDATE SKIP LOCKED",
        (invoice_id, version, WAITING_MAX),
    )
    return [_file(row) for row in txn.fetchall()]


def newest_of_bill(txn: Cursor, bill_id: str) -> list[PaymentFile]:
    """The shares of a bill, the latest of each payer, in the order of asking; locked too."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment AS p WHERE bill_id = %s AND NOT EXISTS"  # noqa: S608 -- a constant
        " (SELECT FROM payments.payment AS later WHERE later.bill_id = p.bill_id"
        " AND later.payer = p.payer AND later.id > p.id) ORDER BY id FOR UPDATE",
        (bill_id,),
    )
    return [_file(row) for row in txn.fetchall()]


def received(txn: Cursor, payee: int, number: str) -> PaymentFile | None:
    """Return a payee's payment by its public number; no refunds to them."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE payee = %s AND right(id, %s) = %s"  # noqa: S608 -- a constant
        # What an organisation pays out is not given back by hand.
        " AND state = 'paid' AND kind NOT IN ('refund', 'issue')"
        " AND (instruction IS NULL OR instruction LIKE 'peer %%') ORDER BY id DESC LIMIT 1",
        (payee, len(number), number),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def made(txn: Cursor, holder_id: int, number: str) -> PaymentFile | None:
    """Return a payment by or to a holder, by its public number; no payouts."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.payment WHERE (payer = %(holder)s OR payee = %(holder)s)"  # noqa: S608 -- a constant
        " AND right(id, %(length)s) = %(number)s AND state = 'paid' AND kind <> 'payout'"
        " ORDER BY id DESC LIMIT 1",
        {"holder": holder_id, "length": len(number), "number": number},
    )
    row = txn.fetchone()
    return _file(row) if row else None


_OTHER_IDS: Final = (
    *("escrow", "bill", "payout", "peer_in", "peer_settlement"),
    *("suspense_order", "bank_order", "bank_expected"),
)
"""Tables whose ids are those of payments to come."""


def is_number_taken(txn: Cursor, id_: str) -> bool:
    """Return whether the id is taken, or its short number is that of another.

    To be asked of each id that is not made here: whoever chooses it could choose its number too, or
    the id of an escrow. What is set aside, approved by guardians and let go is found by the id.
    """
    same = "".join(
        f" OR EXISTS (SELECT FROM payments.{one} WHERE id = %(id)s)" for one in _OTHER_IDS
    )
    txn.execute(
        "SELECT EXISTS (SELECT FROM payments.payment WHERE right(id, 8) = right(%(id)s, 8))"  # noqa: S608 -- constants
        f" OR EXISTS (SELECT FROM payments.dispute WHERE right(id, 8) = right(%(id)s, 8)){same}",
        {"id": id_},
    )
    [(is_taken,)] = txn.fetchall()
    return bool(is_taken)


def refunded_minor(txn: Cursor, payment_id: str) -> int:
    """Return the sum refunded, or being refunded, of a payment."""
    txn.execute(
        "SELECT coalesce(sum(amount), 0) FROM payments.payment WHERE refund_of = %s"
        " AND state IN ('paying', 'paid')",
        (payment_id,),
    )
    [(minor,)] = txn.fetchall()
    return int(minor)


def take_back_attempts(
    txn: Cursor,
    payer: int,
    *,
    mandate_id: str | None = None,
    allowance_id: str | None = None,
    is_locked: bool = False,
) -> list[str]:
    """Take back what the writer has not decided of a payer; the payments' ids.

    It waits for a block that is being committed: what that decided came before. No lock of a
    holder or a mandate may be held yet, since the block takes those after the attempt, and in the
    order of the attempts, as here.

    Args:
        txn: Stops them.
        payer: Whose.
        mandate_id: Only those by this mandate.
        allowance_id: Only those by this allowance.
        is_locked: The payer is locked, so no attempt of theirs comes any more; what a block has in
            its hands is left to it.
    """
    but_held = " SKIP LOCKED" if is_locked else ""
    txn.execute(
        "DELETE FROM payments.attempt WHERE id IN (SELECT a.id FROM payments.attempt AS a"  # noqa: S608 -- a constant
        " JOIN payments.payment AS p ON a.about = p.id WHERE p.payer = %s"
        # What a merchant has said yes to is theirs, and what is booked again was made once.
        " AND p.instruction IS DISTINCT FROM 'restored'"
        " AND (p.state = 'holding' OR p.state = 'paying' AND a.kind <> 'payment.post')"
        " AND (%s::text IS NULL OR p.mandate_id = %s)"
        " AND (%s::text IS NULL OR p.allowance_id = %s)"
        f" ORDER BY a.id FOR UPDATE OF a{but_held}) RETURNING about",
        (payer, mandate_id, mandate_id, allowance_id, allowance_id),
    )
    return sorted(payment_id for (payment_id,) in txn.fetchall())


def gone_minor(txn: Cursor, payer: int, ledger: int, since_ms: int) -> int:
    """Sum up what a payer paid, pays or set aside since a moment; refunds do not count."""
    txn.execute(
        "SELECT coalesce(sum(amount + fee), 0) FROM payments.payment WHERE payer = %(payer)s"
        " AND ledger = %(ledger)s AND state IN ('holding', 'held', 'paying', 'paid')"
        " AND kind NOT IN ('refund', 'escrow') AND changed_at_ms > %(since_ms)s",
        {"payer": payer, "ledger": ledger, "since_ms": since_ms},
    )
    [(minor,)] = txn.fetchall()
    # What went into an escrow went out then, and not once more when its seller gets it.
    return int(minor) + funded_minor(txn, payer, ledger, since_ms)


def payouts_asked(txn: Cursor, payer: int, since_ms: int) -> int:
    """How many payouts a payer has asked for since a moment."""
    txn.execute(
        "SELECT count(*) FROM payments.payment WHERE payer = %s AND kind = 'payout'"
        " AND asked_at_ms > %s",
        (payer, since_ms),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def _file(row: tuple[Any, ...]) -> PaymentFile:
    *values, invoice_id, version, refund_of, why, sealed, changed_at_ms = row
    id_, kind, state, payer, payee, ledger, amount, fee, asked_at_ms, due_at_ms, *rest = values
    approved_by, instruction, mandate_id, period, bill, tip_minor, *rest = rest
    allowance_id, approved_at_ms = rest
    payment = Payment(
        id=id_,
        kind=Kind(kind),
        state=State(state),
        payer=payer,
        payee=payee,
        ledger=ledger,
        amount_minor=amount,
        fee_minor=fee,
        asked_at_ms=asked_at_ms,
        due_at_ms=due_at_ms,
        approved_by=approved_by,
        instruction=instruction,
        mandate_id=mandate_id,
        period=period,
        invoice=None if invoice_id is None else (invoice_id, version),
        refund_of=refund_of,
        why=why,
        bill=bill,
        tip_minor=tip_minor,
        allowance_id=allowance_id,
        approved_at_ms=approved_at_ms,
    )
    return PaymentFile(payment, bytes(sealed), changed_at_ms)


def of_payment(txn: Cursor, payment_id: str) -> str | None:
    """The escrow out of which a payment was made; None if it was made in another way."""
    txn.execute("SELECT id FROM payments.escrow WHERE payment_id = %s", (payment_id,))
    row = txn.fetchone()
    return str(row[0]) if row else None


def left_minor(txn: Cursor, payment_id: str) -> int:
    """How much of a payment can still go back: no refund has it, and no dispute.

    Whoever else wants to give some of it back waits until the transaction ends.
    """
    txn.execute(
        "INSERT INTO payments.given_back (payment_id, captured, refunded, disputed)"
        " SELECT id, amount, 0, 0 FROM payments.payment WHERE id = %s"
        " ON CONFLICT (payment_id) DO NOTHING",
        (payment_id,),
    )
    txn.execute(
        "SELECT captured - refunded - disputed FROM payments.given_back WHERE payment_id = %s"
        " FOR UPDATE",
        (payment_id,),
    )
    row = txn.fetchone()
    return int(row[0]) if row else 0


def lock_bill(txn: Cursor, bill_id: str) -> None:
    """Keep everybody else from stepping a bill, or a share of it, until the transaction ends."""
    txn.execute("SELECT FROM payments.bill WHERE id = %s FOR UPDATE", (bill_id,))
