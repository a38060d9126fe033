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


def try_lock(txn: Cursor, key: int, part: int) -> bool:
    """Take an advisory lock for the session, unless another session has it.

    Args:
        txn: Of the session that keeps it, until it is over.
        key: What is locked, 32 bits with a sign.
        part: Which one of them, likewise.
    """
    txn.execute("SELECT pg_try_advisory_lock(%s, %s)", (key, part))
    [(is_taken,)] = txn.fetchall()
    return bool(is_taken)


def end_stalled(txn: Cursor, key: int, part: int, table: str, stall_ms: int) -> list[int]:
    """End the session of who holds a lock, if its client has done nothing for a while.

    A process that is stopped, or a machine that is, keeps its lock and perhaps a transaction. A
    session that works, or waits for the disk, is no such thing: only one that waits for its client.

    Args:
        txn: Of another session of the same user.
        key: As for ``try_lock``.
        part: Likewise.
        table: That only holders of the lock change: who did and does not end the transaction has
            held it, even if the lock itself was lost.
        stall_ms: For how long nothing may come from the client.

    Returns:
        Process ids of the sessions that were ended.
    """
    # Materialized, since PostgreSQL may ask the conditions of one WHERE in any order: it did ask
    # `pg_terminate_backend` first, of every session that there was.
    txn.execute(
        "WITH stalled AS MATERIALIZED ("
        "SELECT pid FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (locktype = 'advisory' AND objsubid = 2 AND classid::bigint = %s"
        " AND objid::bigint = %s"
        " OR locktype = 'relation' AND relation = %s::regclass AND mode = 'RowExclusiveLock'))"
        " AND (state <> 'active' OR wait_event = 'ClientRead')"
        " AND state_change < clock_timestamp() - %s * interval '1 millisecond'"
        " AND pid <> pg_backend_pid())"
        " SELECT pid FROM stalled WHERE pg_terminate_backend(pid)",
        (key & 0xFFFFFFFF, part & 0xFFFFFFFF, table, stall_ms),
    )
    return [pid for (pid,) in txn.fetchall()]
