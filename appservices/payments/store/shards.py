"""SQL about who writes a shard of the ledger, and what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

LOCK: Final = 0x1ED6E4
"""First half of the advisory lock's key; the shard is the second."""
TABLE: Final = "ledger.shard"
"""Whose rows writers alone change."""


def epoch(txn: Cursor, shard: int) -> int | None:
    """The present epoch, None if there is no such shard."""
    txn.execute("SELECT epoch FROM ledger.shard WHERE shard = %s", (shard,))
    row = txn.fetchone()
    return row[0] if row else None


def head(txn: Cursor, shard: int, seq: int) -> bytes | None:
    """The head of a block, None if there is none of that number."""
    txn.execute("SELECT head FROM ledger.block WHERE shard = %s AND seq = %s", (shard, seq))
    row = txn.fetchone()
    return bytes(row[0]) if row else None
