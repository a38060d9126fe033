"""The module's table in Synapse's database, and what it reads of Synapse's own.

Written so that a second time changes nothing: Synapse runs a function again that met a conflict,
and a server may acknowledge an event twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synapse.storage.database import LoggingTransaction

    from homeserver_modules.delivery_evidence.core import Asked

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS veche_delivery (
        event_id TEXT NOT NULL, server_name TEXT NOT NULL, at_ms BIGINT NOT NULL,
        PRIMARY KEY (event_id, server_name))""",
)


@attrs.frozen
class Found:
    """The known facts about an event; moments in ms UTC, None: not known.

    Attributes:
        stored_ms: When this server took it.
        acknowledged_ms: When the person's server had acknowledged it.
        read_ms: What the person's public read receipt says, if it is at the event or behind it.
    """

    stored_ms: int | None = None
    acknowledged_ms: int | None = None
    read_ms: int | None = None


def keep(txn: LoggingTransaction, server: str, event_ids: Sequence[str], at_ms: int) -> None:
    """Keep that a server has acknowledged events; the first time counts."""
    for event_id in event_ids:
        txn.execute(
            "INSERT INTO veche_delivery (event_id, server_name, at_ms) VALUES (?, ?, ?)"
            " ON CONFLICT (event_id, server_name) DO NOTHING",
            (event_id, server, at_ms),
        )


def forget(txn: LoggingTransaction, before_ms: int) -> int:
    """Forget what is older than a moment; how much."""
    txn.execute("DELETE FROM veche_delivery WHERE at_ms < ?", (before_ms,))
    return txn.rowcount


def find(txn: LoggingTransaction, asked: Asked, sender_like: str) -> Found:
    """Look up one event.

    Args:
        txn: The transaction.
        asked: Which, and for whom.
        sender_like: Pattern of LIKE, with ``!`` before what it means literally: of others' events
            nothing is told.
    """
    txn.execute(
        "SELECT e.room_id, e.received_ts, e.stream_ordering FROM events AS e"
        " LEFT JOIN rejections AS r ON r.event_id = e.event_id"
        " WHERE e.event_id = ? AND e.sender LIKE ? ESCAPE '!' AND r.event_id IS NULL",
        (asked.event_id, sender_like),
    )
    row = txn.fetchone()
    if row is None:
        return Found()
    room_id, stored_ms, ordering = row
    txn.execute(
        "SELECT at_ms FROM veche_delivery WHERE event_id = ? AND server_name = ?",
        (asked.event_id, asked.server),
    )
    acknowledged = txn.fetchone()
    return Found(
        stored_ms=stored_ms,
        acknowledged_ms=acknowledged[0] if acknowledged else None,
        read_ms=_read_ms(txn, room_id, asked.user_id, ordering),
    )


def _read_ms(txn: LoggingTransaction, room_id: str, user_id: str, ordering: int) -> Any:
    # Private receipts are nobody else's business.
    txn.execute(
        "SELECT max(e.received_ts) FROM receipts_linearized AS r"
        " JOIN events AS e ON e.event_id = r.event_id"
        " WHERE r.room_id = ? AND r.user_id = ? AND r.receipt_type = 'm.read'"
        " AND e.room_id = r.room_id AND e.stream_ordering >= ?",
        (room_id, user_id, ordering),
    )
    row = txn.fetchone()
    return row[0] if row else None
