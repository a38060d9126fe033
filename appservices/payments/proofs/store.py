"""SQL of what is published of the ledger: the tree over its blocks, and its signed checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.acts.signed_tree import Head
from veche.transparency.merkle import leaf_hash
from veche.transparency.tree_nodes import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from veche.runtime.database import Cursor

_NODES: Final = """
    SELECT level, at, hash FROM ledger.tree_node
    JOIN unnest(%s::smallint[], %s::bigint[]) AS wanted (level, at) USING (level, at)
    WHERE shard = %s"""
_KEEP_NODES: Final = """
    INSERT INTO ledger.tree_node (shard, level, at, hash)
    SELECT %s, * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])"""


_HEAD: Final = "SELECT size, note FROM ledger.checkpoint WHERE shard = %s"


class LedgerTree:
    """The blocks of a ledger as a tree (``SignedTree``): block 1 is at place 0.

    Attributes:
        name: For errors.
        entries: What is in it.
    """

    name = "the ledger"
    entries = "blocks"

    def __init__(self, shard: int) -> None:
        """Make it; it keeps nothing."""
        self._shard = shard

    def lock(self, txn: Cursor) -> None:
        """Publish alone until the transaction ends."""
        txn.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('payments.heads', %s))", (self._shard,)
        )

    def newest(self, txn: Cursor) -> Head | None:
        """The newest published head."""
        txn.execute(f"{_HEAD} ORDER BY size DESC LIMIT 1", (self._shard,))
        row = txn.fetchone()
        return Head(*row) if row else None

    def head_of(self, txn: Cursor, size: int) -> Head | None:
        """The head that was published at a size."""
        txn.execute(f"{_HEAD} AND size = %s", (self._shard, size))
        row = txn.fetchone()
        return Head(*row) if row else None

    def first_after(self, txn: Cursor, size: int) -> int | None:
        """When the first head beyond a size was published."""
        txn.execute(
            "SELECT at_ms FROM ledger.checkpoint WHERE shard = %s AND size > %s"
            " ORDER BY size LIMIT 1",
            (self._shard, size),
        )
        row = txn.fetchone()
        return int(row[0]) if row else None

    def leaves_from(self, txn: Cursor, place: int, limit: int) -> list[tuple[int, bytes]]:
        """Places and leaf hashes of blocks."""
        txn.execute(
            "SELECT seq, head FROM ledger.block WHERE shard = %s AND seq > %s"
            " ORDER BY seq LIMIT %s",
            (self._shard, place, limit),
        )
        return [(seq - 1, leaf_hash(bytes(head))) for seq, head in txn.fetchall()]

    def nodes(self, txn: Cursor, wanted: Iterable[Node]) -> dict[Node, bytes]:
        """The nodes that are kept."""
        names = sorted(set(wanted))
        levels, places = [one.level for one in names], [one.at for one in names]
        txn.execute(_NODES, (levels, places, self._shard))
        return {Node(level, at): bytes(digest) for level, at, digest in txn.fetchall()}

    def keep(self, txn: Cursor, made: Mapping[Node, bytes], head: Head, now_ms: int) -> None:
        """Keep nodes that are new, and the head that has them."""
        levels, places = [node.level for node in made], [node.at for node in made]
        txn.execute(_KEEP_NODES, (self._shard, levels, places, list(made.values())))
        txn.execute(
            "INSERT INTO ledger.checkpoint (shard, size, note, at_ms) VALUES (%s, %s, %s, %s)",
            (self._shard, head.size, head.note, now_ms),
        )
