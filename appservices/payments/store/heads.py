"""SQL of what is published of the ledger: the tree over its blocks, and its signed checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from veche.protocol.kept_tree import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from veche.runtime.database import Cursor

_NODES: Final = """
    SELECT level, at, hash FROM ledger.tree_node
    JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted (level, at) USING (level, at)
    WHERE shard = %s"""
_KEEP_NODES: Final = """
    INSERT INTO ledger.tree_node (shard, level, at, hash)
    SELECT %s, * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])"""


class Head(NamedTuple):
    """A published head.

    Attributes:
        size: How many blocks it has.
        note: The signed checkpoint.
    """

    size: int
    note: str


def lock(txn: Cursor, shard: int) -> None:
    """Publish alone until the transaction ends."""
    txn.execute("SELECT pg_advisory_xact_lock(hashtextextended('payments.heads', %s))", (shard,))


def newest(txn: Cursor, shard: int) -> Head | None:
    """The newest published head; None before the first."""
    txn.execute(
        "SELECT size, note FROM ledger.checkpoint WHERE shard = %s ORDER BY size DESC LIMIT 1",
        (shard,),
    )
    row = txn.fetchone()
    return Head(*row) if row else None


def blocks_from(txn: Cursor, shard: int, seq: int, limit: int) -> list[tuple[int, bytes]]:
    """Numbers and heads of blocks in their order, from a number on; at most ``limit``."""
    txn.execute(
        "SELECT seq, head FROM ledger.block WHERE shard = %s AND seq >= %s ORDER BY seq LIMIT %s",
        (shard, seq, limit),
    )
    return [(number, bytes(head)) for number, head in txn.fetchall()]


def nodes(txn: Cursor, shard: int, wanted: Iterable[Node]) -> dict[Node, bytes]:
    """The nodes that are kept of those that are wanted."""
    names = sorted(set(wanted))
    txn.execute(_NODES, ([one.level for one in names], [one.at for one in names], shard))
    return {Node(level, at): bytes(digest) for level, at, digest in txn.fetchall()}


def keep(txn: Cursor, shard: int, made: Mapping[Node, bytes], head: Head, now_ms: int) -> None:
    """Keep nodes that are new, and the head that has them."""
    levels: Sequence[int] = [node.level for node in made]
    txn.execute(_KEEP_NODES, (shard, levels, [node.at for node in made], list(made.values())))
    txn.execute(
        "INSERT INTO ledger.checkpoint (shard, size, note, at_ms) VALUES (%s, %s, %s, %s)",
        (shard, head.size, head.note, now_ms),
    )
