"""SQL of what is forgotten of the outbox: bytes first, rows later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

HOUSEKEEPING_ROWS_MAX: Final = 5_000
"""Most rows that one call changes."""


def forget_bytes(txn: Cursor, before_ms: int) -> int:
    """Drop the bytes of rows that ended before; how many, at most a batch."""
    txn.execute(
        "UPDATE runtime.outbox SET sealed = NULL, relation = NULL"
        " WHERE (room_id, effect_id) IN (SELECT room_id, effect_id FROM runtime.outbox"
        " WHERE created_at_ms < %s AND state >= 2 AND sealed IS NOT NULL LIMIT %s)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount


def forget_rows(txn: Cursor, before_ms: int) -> int:
    """Remove old rows, ids too; how many, at most a batch."""
    txn.execute(
        "DELETE FROM runtime.outbox WHERE (room_id, effect_id) IN ("
        " SELECT room_id, effect_id FROM runtime.outbox"
        " WHERE created_at_ms < %s AND state >= 2 LIMIT %s)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount
