"""Merkle trees of RFC 6962 whose nodes are kept: what to add, and what to read for a proof.

Kept are the roots of all whole subtrees, those of 1, 2, 4, … entries that begin at a multiple of
their size: one new entry makes about two of them, none ever changes, and every root and proof of
any size is put together from a few. Pure: whoever keeps the nodes reads and writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from veche.transparency.merkle import EMPTY_ROOT, node_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Node(NamedTuple):
    """The root of a whole subtree.

    Attributes:
        level: It stands for 2^``level`` entries; 0 is the hash of an entry.
        at: Which one of its level, from 0.
    """

    level: int
    at: int


def edge(size: int) -> list[Node]:
    """The nodes that a tree is made of, from left to right; none of an empty one."""
    return _whole(0, size)


def root_of_edge(hashes: Sequence[bytes]) -> bytes:
    """The root of a tree.

    Args:
        hashes: Of the nodes of its ``edge``.
    """
    if not hashes:
        return EMPTY_ROOT
    *others, found = hashes
    for one in reversed(others):
        found = node_hash(one, found)
    return found


def grown(size: int, hashes: Sequence[bytes], entries: Sequence[bytes]) -> dict[Node, bytes]:
    """The nodes that are new once a tree has more entries.

    Args:
        size: Entries of the tree before.
        hashes: Of the nodes of its ``edge``.
        entries: Leaf hashes of the entries to add.
    """
    made: dict[Node, bytes] = {}
    last = list(zip(edge(size), hashes, strict=True))
    for at, entry in enumerate(entries, size):
        node, found = Node(0, at), entry
        made[node] = found
        while last and last[-1][0].level == node.level:
            left = last.pop()
            node = Node(node.level + 1, node.at >> 1)
            found = made[node] = node_hash(left[1], found)
        last.append((node, found))
    return made


def inclusion(index: int, size: int) -> list[list[Node]]:
    """List the nodes for each hash of an inclusion proof, leaf first.

    Raises:
        ValueError: There is no such entry.
    """
    if not 0 <= index < size:
        raise ValueError("the index is outside of the tree")
    path, low, high = [], 0, size
    while high - low > 1:
        middle = _split(low, high)
        if index < middle:
            path.append(_whole(middle, high))
            high = middle
        else:
            path.append(_whole(low, middle))
            low = middle
    return path[::-1]


def consistency(old_size: int, size: int) -> list[list[Node]]:
    """List the nodes for each hash of a consistency proof.

    Raises:
        ValueError: ``old_size`` is not from 1 to ``size``.
    """
    if not 1 <= old_size <= size:
        raise ValueError("the older tree has from 1 to as many entries as the newer one")
    path, low, high = [], 0, size
    while old_size < high:
        middle = _split(low, high)
        if old_size <= middle:
            path.append(_whole(middle, high))
            high = middle
        else:
            path.append(_whole(low, middle))
            low = middle
    if low:  # else the verifier has the root of these entries already
        path.append(_whole(low, high))
    return path[::-1]


def hashes_of(path: Sequence[Sequence[Node]], kept: Mapping[Node, bytes]) -> list[bytes]:
    """The hashes of a proof.

    Args:
        path: As ``inclusion`` and ``consistency`` name them.
        kept: The nodes named there.
    """
    return [root_of_edge([kept[node] for node in nodes]) for nodes in path]


def _split(low: int, high: int) -> int:
    """Where RFC 6962 divides a tree: the largest power of two that is smaller than it."""
    return low + (1 << (high - low - 1).bit_length() - 1)


def _whole(start: int, end: int) -> list[Node]:
    """Whole subtrees of the entries from ``start``, where the RFC divides a tree, to ``end``."""
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append(Node(level, start >> level))
        start += 1 << level
    return found
