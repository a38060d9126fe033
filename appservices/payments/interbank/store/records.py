"""SQL of what another institution is shown of payments between us, once it was restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def records(txn: Cursor, peer: int, since_ms: int, limit: int) -> list[tuple[str, bool, int]]:
    """The oldest payments with a peer that are paid, since a moment.

    Returns:
        Id, whether we paid it, and when it got into its state.
    """
    txn.execute(
        "SELECT id, TRUE, changed_at_ms FROM payments.peer_out WHERE peer = %(peer)s"
        " AND state IN ('committing', 'done') AND changed_at_ms >= %(since)s"
        " UNION ALL SELECT id, FALSE, changed_at_ms FROM payments.peer_in WHERE peer = %(peer)s"
        " AND state IN ('posting', 'done', 'stuck') AND changed_at_ms >= %(since)s"
        " ORDER BY 3, 1 LIMIT %(limit)s",
        {"peer": peer, "since": since_ms, "limit": limit},
    )
    return [(str(id_), bool(is_out), int(at_ms)) for id_, is_out, at_ms in txn.fetchall()]


def newest_paid_in(txn: Cursor, peer: int) -> bytes | None:
    """Return the peer's signed message of its newest payment to us, sealed."""
    txn.execute(
        "SELECT sealed FROM payments.peer_in WHERE peer = %s"
        " AND state IN ('posting', 'done', 'stuck') ORDER BY changed_at_ms DESC LIMIT 1",
        (peer,),
    )
    row = txn.fetchone()
    return bytes(row[0]) if row else None
