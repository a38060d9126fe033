"""SQL of statements: which block a moment is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def last_block_before(txn: Cursor, shard: int, at_ms: int) -> int:
    """Number of the last block before a moment; 0 if there is none.

    Blocks have no gaps and their time never falls, so it is found by halves, without an index.
    """
    txn.execute("SELECT coalesce(max(seq), 0) FROM ledger.block WHERE shard = %s", (shard,))
    [(high,)] = txn.fetchall()
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        txn.execute(
            "SELECT at_ms < %s FROM ledger.block WHERE shard = %s AND seq = %s",
            (at_ms, shard, middle),
        )
        [(is_before,)] = txn.fetchall()
        low, high = (middle, high) if is_before else (low, middle - 1)
    return low
