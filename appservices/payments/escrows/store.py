"""SQL of escrows, and of what those who take part decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.escrows.core.escrow import Escrow, EscrowState, OnSilence, Role, Voter

if TYPE_CHECKING:
    from collections.abc import Collection

    from veche.runtime.database import Cursor

LISTED_MAX: Final = 20
"""Escrows that a list shows."""
_COLUMNS: Final = (
    "id, state, buyer, seller, ledger, amount, k, on_silence, asked_at_ms, ends_at_ms, due_at_ms,"
    " approved_by, funded_at_ms, to_seller, payment_id, why, sealed, changed_at_ms"
)
_OVER: Final = "('released', 'returned', 'shared', 'declined', 'cancelled', 'expired', 'refused')"


@attrs.frozen
class EscrowFile:
    """An escrow as it is kept.

    Attributes:
        sealed: Its names and what it is for, under the operator's key.
        changed_at_ms: When it got into its state, UTC.
    """

    escrow: Escrow
    sealed: bytes
    changed_at_ms: int


def add_escrow(txn: Cursor, escrow: Escrow, sealed: bytes, now_ms: int) -> None:
    """Keep a new escrow, and who takes part."""
    values = (
        escrow.id,
        escrow.state.value,
        escrow.buyer,
        escrow.seller,
        escrow.ledger,
        escrow.amount_minor,
        escrow.k,
        escrow.on_silence.value,
        escrow.asked_at_ms,
        escrow.ends_at_ms,
        escrow.due_at_ms,
        escrow.approved_by,
        escrow.funded_at_ms,
        escrow.to_seller,
        escrow.payment_id,
        escrow.why,
        sealed,
        now_ms,
        len(escrow.voters),
    )
    txn.execute(
        f"INSERT INTO payments.escrow ({_COLUMNS}, n)"  # noqa: S608 -- a constant
        f" VALUES ({', '.join(['%s'] * len(values))})",
        values,
    )
    for place, one in enumerate(escrow.voters):
        txn.execute(
            "INSERT INTO payments.escrow_party (escrow_id, holder, role, place, has_agreed)"
            " VALUES (%s, %s, %s, %s, %s)",
            (escrow.id, one.holder, one.role.value, place, one.has_agreed),
        )


def buyer_of(txn: Cursor, escrow_id: str) -> int | None:
    """Number of the buyer of an escrow; None if there is none of this id."""
    txn.execute("SELECT buyer FROM payments.escrow WHERE id = %s", (escrow_id,))
    row = txn.fetchone()
    return int(row[0]) if row else None


def escrow(txn: Cursor, escrow_id: str) -> EscrowFile | None:
    """An escrow as it is; None if there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.escrow WHERE id = %s",  # noqa: S608 -- a constant
        (escrow_id,),
    )
    row = txn.fetchone()
    return _file(txn, row) if row else None


def sealed(txn: Cursor, escrow_id: str) -> bytes | None:
    """The names of an escrow, under the operator's key; None if there is none of this id."""
    txn.execute("SELECT sealed FROM payments.escrow WHERE id = %s", (escrow_id,))
    row = txn.fetchone()
    return bytes(row[0]) if row else None


def lock_escrow(txn: Cursor, escrow_id: str) -> EscrowFile | None:
    """An escrow, which nobody else steps until the transaction ends; None if there is none."""
    txn.execute(
        f"SELECT {_COLUMNS} FROM payments.escrow WHERE id = %s FOR UPDATE",  # noqa: S608 -- a constant
        (escrow_id,),
    )
    row = txn.fetchone()
    return _file(txn, row) if row else None


def save_escrow(txn: Cursor, escrow: Escrow, now_ms: int) -> None:
    """Keep the state of an escrow that is locked, and what goes with it."""
    txn.execute(
        "UPDATE payments.escrow SET state = %s, due_at_ms = %s, approved_by = %s,"
        " funded_at_ms = %s, to_seller = %s, payment_id = %s, why = %s, changed_at_ms = %s"
        " WHERE id = %s",
        (
            escrow.state.value,
            escrow.due_at_ms,
            escrow.approved_by,
            escrow.funded_at_ms,
            escrow.to_seller,
            escrow.payment_id,
            escrow.why,
            now_ms,
            escrow.id,
        ),
    )


def keep_agreed(txn: Cursor, escrow_id: str, holder_id: int) -> None:
    """Keep that somebody takes part in an escrow that is locked."""
    txn.execute(
        "UPDATE payments.escrow_party SET has_agreed = TRUE"
        " WHERE escrow_id = %s AND holder = %s AND NOT has_agreed",
        (escrow_id, holder_id),
    )


def keep_vote(txn: Cursor, escrow_id: str, voter: Voter, now_ms: int) -> bool:
    """Keep what somebody decides of an escrow that is locked; False if they have decided before."""
    txn.execute(
        "UPDATE payments.escrow_party SET to_seller = %s, approved_by = %s, voted_at_ms = %s"
        " WHERE escrow_id = %s AND holder = %s AND approved_by IS NULL",
        (voter.to_seller, voter.approved_by, now_ms, escrow_id, voter.holder),
    )
    return txn.rowcount == 1


def decided_by(txn: Cursor, holder_id: int) -> dict[str, str | None]:
    """List by what approval somebody decided about each escrow that is put aside; None: not yet."""
    txn.execute(
        "SELECT p.escrow_id, p.approved_by FROM payments.escrow_party AS p"
        " JOIN payments.escrow AS e ON e.id = p.escrow_id"
        " WHERE p.holder = %s AND e.state = 'funded' ORDER BY p.escrow_id",
        (holder_id,),
    )
    return dict(txn.fetchall())


def forget_votes(txn: Cursor, escrow_id: str, nonces: Collection[str]) -> None:
    """Forget what was decided by approvals that count no more; those who gave them decide anew."""
    txn.execute(
        "UPDATE payments.escrow_party SET to_seller = NULL, approved_by = NULL,"
        " voted_at_ms = NULL WHERE escrow_id = %s AND approved_by = ANY(%s)",
        (escrow_id, list(nonces)),
    )


def of_holder(txn: Cursor, holder_id: int, number: str | None = None) -> list[str]:
    """Ids of escrows in which somebody takes part, the newest first.

    Args:
        txn: Reads.
        holder_id: Who.
        number: Only the one that people call so; None: those that are not over.
    """
    which = f"e.state NOT IN {_OVER}" if number is None else "right(e.id, %(length)s) = %(number)s"
    txn.execute(
        "SELECT e.id FROM payments.escrow_party AS p JOIN payments.escrow AS e"  # noqa: S608 -- constants
        f" ON e.id = p.escrow_id WHERE p.holder = %(holder)s AND {which}"
        " ORDER BY e.id DESC LIMIT %(limit)s",
        {
            "holder": holder_id,
            "number": number,
            "length": len(number or ""),
            "limit": LISTED_MAX,
        },
    )
    return [id_ for (id_,) in txn.fetchall()]


def shown_of(txn: Cursor, holder_id: int, over_since_ms: int) -> list[str]:
    """Ids of escrows of one who takes part: those that are not over first, then the newest.

    Args:
        txn: Reads.
        holder_id: Who.
        over_since_ms: Those are shown too that are over only since this moment, UTC.
    """
    txn.execute(
        "SELECT e.id FROM payments.escrow_party AS p JOIN payments.escrow AS e"  # noqa: S608 -- constants
        f" ON e.id = p.escrow_id WHERE p.holder = %s AND (e.state NOT IN {_OVER}"
        " OR e.changed_at_ms > %s)"
        f" ORDER BY e.state IN {_OVER}, e.id DESC LIMIT %s",
        (holder_id, over_since_ms, LISTED_MAX),
    )
    return [id_ for (id_,) in txn.fetchall()]


def count_asked(txn: Cursor, holder_id: int) -> int:
    """How many escrows wait for somebody: to take part, to put aside, or to decide."""
    txn.execute(
        "SELECT count(*) FROM payments.escrow_party AS p JOIN payments.escrow AS e"
        " ON e.id = p.escrow_id WHERE p.holder = %(holder)s AND"
        " (e.state = 'proposed' AND NOT p.has_agreed OR e.state = 'agreed' AND e.buyer = p.holder"
        " OR e.state = 'funded' AND p.approved_by IS NULL)",
        {"holder": holder_id},
    )
    [(count,)] = txn.fetchall()
    return int(count)


def open_of_buyer(txn: Cursor, buyer: int) -> list[str]:
    """Ids of a buyer's escrows that are not over."""
    txn.execute(
        f"SELECT id FROM payments.escrow WHERE buyer = %s AND state NOT IN {_OVER} ORDER BY id",  # noqa: S608 -- a constant
        (buyer,),
    )
    return [id_ for (id_,) in txn.fetchall()]


def _file(txn: Cursor, row: tuple[Any, ...]) -> EscrowFile:
    id_, state, buyer, seller, ledger, amount, k, on_silence, *times, sealed, changed_at_ms = row
    asked_at_ms, ends_at_ms, due_at_ms, approved_by, funded_at_ms, *rest = times
    to_seller, payment_id, why = rest
    escrow = Escrow(
        id=id_,
        state=EscrowState(state),
        buyer=buyer,
        seller=seller,
        ledger=ledger,
        amount_minor=amount,
        k=k,
        voters=_voters(txn, id_),
        on_silence=OnSilence(on_silence),
        asked_at_ms=asked_at_ms,
        ends_at_ms=ends_at_ms,
        due_at_ms=due_at_ms,
        approved_by=approved_by,
        funded_at_ms=funded_at_ms,
        to_seller=to_seller,
        payment_id=payment_id,
        why=why,
    )
    return EscrowFile(escrow, bytes(sealed), changed_at_ms)


def _voters(txn: Cursor, escrow_id: str) -> tuple[Voter, ...]:
    txn.execute(
        "SELECT holder, role, has_agreed, to_seller, approved_by FROM payments.escrow_party"
        " WHERE escrow_id = %s ORDER BY place",
        (escrow_id,),
    )
    return tuple(
        Voter(holder, Role(role), has_agreed, to_seller, approved_by)
        for holder, role, has_agreed, to_seller, approved_by in txn.fetchall()
    )
