"""SQL of disputes, and of how much of a payment can still go back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.disputes.core.dispute import Dispute, DisputeState, End

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

LISTED_MAX: Final = 20
"""Disputes that a list shows."""
_COLUMNS: Final = (
    "id, payment_id, state, payer, payee, ledger, amount, asked_at_ms, due_at_ms, held, given,"
    " ended_by, hold_ends_at_ms, approved_by, decided_by, refund_id, ruled, ruled_by, appealed_by,"
    " sealed, changed_at_ms"
)


@attrs.frozen
class DisputeFile:
    """A dispute as it is kept.

    Attributes:
        sealed: Its names and what is said in it, under the operator's key.
        changed_at_ms: When it got into its state, UTC.
    """

    dispute: Dispute
    sealed: bytes
    changed_at_ms: int


def add_dispute(txn: Cursor, dispute: Dispute, sealed: bytes, now_ms: int) -> bool:
    """Keep a new dispute; False if its payment is, or was, disputed already."""
    values = (
        dispute.id,
        dispute.payment_id,
        dispute.state.value,
        dispute.payer,
        dispute.payee,
        dispute.ledger,
        dispute.amount_minor,
        dispute.asked_at_ms,
        dispute.due_at_ms,
        dispute.held_minor,
        dispute.given_minor,
        None if dispute.end is None else dispute.end.value,
        dispute.hold_ends_at_ms,
        dispute.approved_by,
        dispute.decided_by,
        dispute.refund_id,
        dispute.ruled_minor,
        dispute.ruled_by,
        dispute.appealed_by,
        sealed,
        now_ms,
    )
    txn.execute(
        f"INSERT INTO payments.dispute ({_COLUMNS})"  # noqa: S608 -- a constant
        f" VALUES ({', '.join(['%s'] * len(values))})"
        " ON CONFLICT (payment_id) WHERE state NOT IN ('cancelled', 'expired') DO NOTHING",
        values,
    )
    return txn.rowcount == 1


def payee_of(txn: Cursor, dispute_id: str) -> int | None:
    """Number of the payee of a dispute; None if there is none of this id."""
    txn.execute("SELECT payee FROM payments.dispute WHERE id = %s", (dispute_id,))
    row = txn.fetchone()
    return int(row[0]) if row else None


def sealed(txn: Cursor, dispute_id: str) -> bytes | None:
    """The names of a dispute, under the operator's key; None if there is none of this id."""
    txn.execute("SELECT sealed FROM payments.dispute WHERE id = %s", (dispute_id,))
    row = txn.fetchone()
    return bytes(row[0]) if row else None


def lock_dispute(txn: Cursor, dispute_id: str) -> DisputeFile | None:
    """A dispute, which nobody else steps until the transaction ends; None if there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.dispute WHERE id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (dispute_id,),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def dispute(txn: Cursor, dispute_id: str) -> DisputeFile | None:
    """A dispute; None if there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.dispute WHERE id = %s",  # noqa: S608 -- a constant
        (dispute_id,),
    )
    row = txn.fetchone()
    return _file(row) if row else None


def save_dispute(txn: Cursor, dispute: Dispute, sealed: bytes, now_ms: int) -> None:
    """Keep the state of a dispute that is locked, and what is said in it."""
    txn.execute(
        "UPDATE payments.dispute SET state = %s, due_at_ms = %s, held = %s, given = %s,"
        " ended_by = %s, hold_ends_at_ms = %s, approved_by = %s, decided_by = %s, refund_id = %s,"
        " ruled = %s, ruled_by = %s, appealed_by = %s, sealed = %s, changed_at_ms = %s"
        " WHERE id = %s",
        (
            dispute.state.value,
            dispute.due_at_ms,
            dispute.held_minor,
            dispute.given_minor,
            None if dispute.end is None else dispute.end.value,
            dispute.hold_ends_at_ms,
            dispute.approved_by,
            dispute.decided_by,
            dispute.refund_id,
            dispute.ruled_minor,
            dispute.ruled_by,
            dispute.appealed_by,
            sealed,
            now_ms,
            dispute.id,
        ),
    )


def numbered(txn: Cursor, holder_id: int | None, number: str) -> str | None:
    """The id of a dispute by the number of its payment, or by its own.

    Args:
        txn: Reads.
        holder_id: Who takes part in it; None: the institution, which sees what is at its desk.
        number: As people see it.
    """
    txn.execute(
        "SELECT id FROM payments.dispute WHERE %(number)s IN (right(id, %(length)s),"
        " right(payment_id, %(length)s)) AND state NOT IN ('cancelled', 'expired')"
        " AND CASE WHEN %(holder)s::bigint IS NULL THEN state NOT IN ('asked', 'freezing')"
        " ELSE %(holder)s = payer OR %(holder)s = payee AND state NOT IN ('asked', 'freezing') END"
        " ORDER BY id DESC LIMIT 1",
        {"holder": holder_id, "number": number, "length": len(number)},
    )
    row = txn.fetchone()
    return str(row[0]) if row else None


def of_payment(txn: Cursor, payment_id: str, payee: int) -> str | None:
    """The id of the dispute of a payment to somebody; None if there is none."""
    txn.execute(
        "SELECT id FROM payments.dispute WHERE payment_id = %s AND payee = %s"
        " AND state NOT IN ('cancelled', 'expired')",
        (payment_id, payee),
    )
    row = txn.fetchone()
    return str(row[0]) if row else None


def latest_of(txn: Cursor, payment_id: str, holder_id: int | None = None) -> str | None:
    """The id of the dispute of a payment, over or not; None if there is none.

    Args:
        txn: Reads.
        payment_id: Of what is disputed.
        holder_id: Only one that this holder knows of; None: whoever asks.
    """
    txn.execute(
        "SELECT id FROM payments.dispute WHERE payment_id = %(payment)s"
        " AND state NOT IN ('cancelled', 'expired') AND (%(holder)s::bigint IS NULL"
        " OR payer = %(holder)s OR payee = %(holder)s AND state NOT IN ('asked', 'freezing'))",
        {"payment": payment_id, "holder": holder_id},
    )
    row = txn.fetchone()
    return str(row[0]) if row else None


def all_of(txn: Cursor, holder_id: int) -> list[str]:
    """Ids of the disputes of a holder, over or not: what is not over first, then the newest.

    Whoever was paid learns of one when the amount is set aside.
    """
    txn.execute(
        "SELECT id FROM payments.dispute WHERE %(holder)s IN (payer, payee)"
        " AND state NOT IN ('cancelled', 'expired')"
        " AND (payer = %(holder)s OR state NOT IN ('asked', 'freezing'))"
        " ORDER BY state = 'closed', id DESC LIMIT %(most)s",
        {"holder": holder_id, "most": LISTED_MAX},
    )
    return [id_ for (id_,) in txn.fetchall()]


def live_of(txn: Cursor, holder_id: int) -> list[str]:
    """Ids of the disputes of a holder that are not over, the newest first."""
    txn.execute(
        "SELECT id FROM payments.dispute WHERE %s IN (payer, payee)"
        " AND state IN ('open', 'at_desk', 'decided', 'appealed', 'ending')"
        " ORDER BY id DESC LIMIT %s",
        (holder_id, LISTED_MAX),
    )
    return [id_ for (id_,) in txn.fetchall()]


def count_open(txn: Cursor, payer: int) -> int:
    """How many disputes of a payer are not over."""
    txn.execute(
        "SELECT count(*) FROM payments.dispute WHERE payer = %s"
        " AND state NOT IN ('closed', 'cancelled', 'expired')",
        (payer,),
    )
    [(count,)] = txn.fetchall()
    return int(count)


def count_asked(txn: Cursor, payee: int) -> int:
    """How many disputes wait for the answer of a payee."""
    txn.execute(
        "SELECT count(*) FROM payments.dispute WHERE payee = %s AND state = 'open'", (payee,)
    )
    [(count,)] = txn.fetchall()
    return int(count)


def at_desk(txn: Cursor) -> list[str]:
    """Ids of the disputes that wait for the institution, the oldest first."""
    txn.execute(
        "SELECT id FROM payments.dispute WHERE state IN ('at_desk', 'appealed')"
        " ORDER BY id LIMIT %s",
        (LISTED_MAX,),
    )
    return [id_ for (id_,) in txn.fetchall()]


def _file(row: tuple[Any, ...]) -> DisputeFile:
    id_, payment_id, state, payer, payee, ledger, amount, *rest, sealed, changed_at_ms = row
    asked_at_ms, due_at_ms, held, given, ended_by, hold_ends_at_ms, *names = rest
    approved_by, decided_by, refund_id, ruled, ruled_by, appealed_by = names
    dispute = Dispute(
        id=id_,
        payment_id=payment_id,
        state=DisputeState(state),
        payer=payer,
        payee=payee,
        ledger=ledger,
        amount_minor=amount,
        asked_at_ms=asked_at_ms,
        due_at_ms=due_at_ms,
        held_minor=held,
        given_minor=given,
        end=None if ended_by is None else End(ended_by),
        hold_ends_at_ms=hold_ends_at_ms,
        approved_by=approved_by,
        decided_by=decided_by,
        refund_id=refund_id,
        ruled_minor=ruled,
        ruled_by=ruled_by,
        appealed_by=appealed_by,
    )
    return DisputeFile(dispute, bytes(sealed), changed_at_ms)
