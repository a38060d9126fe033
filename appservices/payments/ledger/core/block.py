"""A block: what one batch recorded, its Merkle root, and a head that commits to all before it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from appservices.payments.ledger.core.leaf import burned_leaf, event_leaf, row_leaf
from appservices.payments.ledger.core.values import Burned, Row
from veche.transparency.merkle import root

if TYPE_CHECKING:
    from appservices.payments.ledger.core.values import Event

FIRST_HEAD: Final = bytes(32)
"""What the first block of a shard follows."""


class Content(NamedTuple):
    """The content of a block: each list in the order of its positions, which they share.

    Attributes:
        seq: Number of the block, from 1.
        at_ms: Ledger time.
        rows: Transfers and expiries.
        events: What happened to accounts.
        burned: Ids that failed for good.
    """

    seq: int
    at_ms: int
    rows: tuple[Row, ...]
    events: tuple[Event, ...] = ()
    burned: tuple[Burned, ...] = ()

    @property
    def size(self) -> int:
        """Number of its leaves."""
        return len(self.rows) + len(self.events) + len(self.burned)


class Block(NamedTuple):
    """A block that is chained to the one before.

    Attributes:
        shard: Whose.
        epoch: Of the writer that made it.
        content: What it records.
        prev: Head of the block before.
        root: RFC 6962 root of its leaves.
        head: Commits to ``prev``, ``root``, number, time and size.
    """

    shard: int
    epoch: int
    content: Content
    prev: bytes
    root: bytes
    head: bytes


def seal(shard: int, epoch: int, prev: bytes, content: Content) -> Block:
    """Chain what was decided to the last block."""
    block_root = root(leaves(shard, content))
    head = next_head(prev, content.seq, content.at_ms, content.size, block_root)
    return Block(shard, epoch, content, prev, block_root, head)


def leaves(shard: int, content: Content) -> list[bytes]:
    """The leaves of a block in their order; in most blocks there are transfers alone."""
    if not content.events and not content.burned:
        return [row_leaf(row, shard) for row in content.rows]
    everything: list[Row | Event | Burned] = [*content.events, *content.rows, *content.burned]
    everything.sort(key=lambda one: one.pos)
    return [leaf(one, shard) for one in everything]


def leaf(one: Row | Event | Burned, shard: int) -> bytes:
    """The leaf of anything recorded."""
    if isinstance(one, Row):
        return row_leaf(one, shard)
    if isinstance(one, Burned):
        return burned_leaf(one, shard)
    return event_leaf(one, shard)


def next_head(prev: bytes, seq: int, at_ms: int, size: int, block_root: bytes) -> bytes:
    """The head of a block; the database computes it too, before it keeps the block."""
    numbers = seq.to_bytes(8, "big") + at_ms.to_bytes(8, "big") + size.to_bytes(4, "big")
    return hashlib.sha256(b"\x02" + prev + numbers + block_root).digest()
