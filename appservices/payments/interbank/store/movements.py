"""SQL of what went between two institutions, page by page: who paid, who said no, when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from appservices.payments.ledger.core import ledger_id, ulid_of
from appservices.payments.peers.core import In, Out
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.database import Cursor

_SHARD: Final = 0
_MOVES_NOTHING: Final = 2 | 8 | 512
_OUT: Final = (
    "SELECT o.id, o.state, c.code, o.amount, o.sealed, p.sealed, p.refund_of, p.invoice_id"
    " FROM payments.peer_out AS o JOIN payments.payment AS p USING (id)"
    " JOIN payments.currency AS c ON c.ledger = o.ledger WHERE o.peer = %(peer)s"
)
_IN: Final = (
    "SELECT i.id, i.state, c.code, i.amount, i.sealed, i.why, i.paid_at_ms"
    " FROM payments.peer_in AS i LEFT JOIN payments.currency AS c USING (ledger)"
    " WHERE i.peer = %(peer)s"
)


class OutRow(NamedTuple):
    """A payment to another institution.

    Attributes:
        id: Id of the payment.
        state: Where it has got to.
        currency: ISO 4217.
        amount_minor: What the payee gets.
        peer_sealed: What the other signed; None: nothing.
        payment_sealed: The names of the payment.
        refund_of: The payment that it gives back.
        invoice: The invoice that it pays.
    """

    id: str
    state: Out
    currency: str
    amount_minor: int
    peer_sealed: bytes | None
    payment_sealed: bytes
    refund_of: str | None
    invoice: str | None


class InRow(NamedTuple):
    """A payment from another institution.

    Attributes:
        id: Of the packet.
        state: Where it has got to.
        currency: ISO 4217; None: of one that is not kept here, or it never came.
        amount_minor: None: it never came, or was none.
        sealed: What the other signed; None: it never came.
        why: Code, where it is refused.
        paid_at_ms: By its ledger, UTC; None: it is not paid, or from before that was kept.
    """

    id: str
    state: In
    currency: str | None
    amount_minor: int | None
    sealed: bytes | None
    why: str | None
    paid_at_ms: int | None


class Moved(NamedTuple):
    """The ledger's facts about a payment.

    Attributes:
        id: Id of the payment.
        amount_minor: What was moved.
        at_ms: Ledger time, UTC.
    """

    id: str
    amount_minor: int
    at_ms: int


def out_of(txn: Cursor, peer: int, ids: Sequence[str]) -> dict[str, OutRow]:
    """Payments to a peer, by id; what is not one is left out."""
    txn.execute(_OUT + " AND o.id = ANY(%(ids)s)", {"peer": peer, "ids": list(ids)})
    return {row[0]: _out(row) for row in txn.fetchall()}


def in_of(txn: Cursor, peer: int, ids: Sequence[str]) -> dict[str, InRow]:
    """Payments from a peer, by id; what is not one is left out."""
    txn.execute(_IN + " AND i.id = ANY(%(ids)s)", {"peer": peer, "ids": list(ids)})
    return {row[0]: _in(row) for row in txn.fetchall()}


def paid_in(
    txn: Cursor, peer: int, since_ms: int, until_ms: int, after: tuple[int, str], limit: int
) -> list[InRow]:
    """Payments from a peer that its ledger got from one moment to before another, by that.

    Args:
        txn: A transaction that reads.
        peer: Number of the holder.
        since_ms: UTC.
        until_ms: UTC.
        after: Moment and id of the last one that was read.
        limit: How many.
    """
    values = {"peer": peer, "since": since_ms, "until": until_ms, "limit": limit}
    txn.execute(
        _IN + " AND i.paid_at_ms >= %(since)s AND i.paid_at_ms < %(until)s"
        " AND (i.paid_at_ms, i.id) > (%(at)s, %(id)s) ORDER BY i.paid_at_ms, i.id LIMIT %(limit)s",
        {**values, "at": after[0], "id": after[1]},
    )
    return [_in(row) for row in txn.fetchall()]


def paid_in_before(txn: Cursor, peer: int, after: str, limit: int) -> list[InRow]:
    """Those that were paid before it was kept when, by id."""
    txn.execute(
        _IN + " AND i.paid_at_ms IS NULL AND i.state IN ('posting', 'done', 'stuck')"
        " AND i.id > %(after)s ORDER BY i.id LIMIT %(limit)s",
        {"peer": peer, "after": after, "limit": limit},
    )
    return [_in(row) for row in txn.fetchall()]


def unpaid_out(txn: Cursor, peer: int, after: str, until: str, limit: int) -> list[OutRow]:
    """Payments to a peer that are over and were not paid, by id: after one and before another."""
    txn.execute(
        _OUT + " AND o.state IN ('refused', 'cancelled') AND o.id > %(after)s AND o.id < %(until)s"
        " ORDER BY o.id LIMIT %(limit)s",
        {"peer": peer, "after": after, "until": until, "limit": limit},
    )
    return [_out(row) for row in txn.fetchall()]


def unpaid_in(txn: Cursor, peer: int, after: str, until: str, limit: int) -> list[InRow]:
    """The same of payments from a peer, as far as they came."""
    txn.execute(
        _IN + " AND i.state IN ('refused', 'cancelled') AND i.sealed IS NOT NULL"
        " AND i.id > %(after)s AND i.id < %(until)s ORDER BY i.id LIMIT %(limit)s",
        {"peer": peer, "after": after, "until": until, "limit": limit},
    )
    return [_in(row) for row in txn.fetchall()]


def moved(
    txn: Cursor, ids: Sequence[str], accounts: Sequence[int], *, is_credit: bool
) -> dict[str, Moved]:
    """Look up payments to or from a peer's accounts in the ledger, by id."""
    side = "credit_id" if is_credit else "debit_id"
    txn.execute(
        "SELECT ref, amount, at_ms FROM ledger.transfer WHERE shard = %s"  # noqa: S608 -- constants
        f" AND ref = ANY(%s::uuid[]) AND {side} = ANY(%s::bigint[]) AND flags & %s = 0",
        (_SHARD, [ledger_id(Ulid(one)) for one in ids], list(accounts), _MOVES_NOTHING),
    )
    found = [(ulid_of(str(ref).replace("-", "")), *rest) for ref, *rest in txn.fetchall()]
    return {id_: Moved(id_, amount, at_ms) for id_, amount, at_ms in found}


def _out(row: Sequence[Any]) -> OutRow:
    id_, state, currency, amount, peer_sealed, payment_sealed, refund_of, invoice = row
    sealed = bytes(peer_sealed) if peer_sealed is not None else None
    names = bytes(payment_sealed)
    return OutRow(id_, Out(state), currency, amount, sealed, names, refund_of, invoice)


def _in(row: Sequence[Any]) -> InRow:
    id_, state, currency, amount, sealed, why, paid_at_ms = row
    kept = bytes(sealed) if sealed is not None else None
    return InRow(id_, In(state), currency, amount, kept, why, paid_at_ms)
