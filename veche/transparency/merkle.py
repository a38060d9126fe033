"""Merkle trees of RFC 6962: the root over a list, and proofs of what is in it.

An inclusion proof shows that an entry is in the list that a root stands for, a consistency proof
that one list begins with another. Verification follows RFC 9162 (sections 2.1.3.2 and 2.1.4.2),
which has the same hashes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root over nothing."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry as a leaf of the tree."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours into their parent."""
    return sha256(b"\1" + left + right).digest()


def root(entries: Sequence[bytes]) -> bytes:
    """The root over a list of entries."""
    return root_of_hashes([sha256(b"\0" + entry).digest() for entry in entries])


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """The root over a list of entries whose hashes are known."""
    level = hashes
    while len(level) > 1:
        level = _level_up(level)
    return level[0] if level else EMPTY_ROOT


def levels_of(hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    """All levels of a tree, for many proofs of it: leaf hashes first, the root last."""
    levels = [hashes]
    while len(levels[-1]) > 1:
        levels.append(_level_up(levels[-1]))
    return levels


def path_in(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """The path from an entry to the root (RFC 6962 section 2.1.1), leaf first.

    Args:
        levels: Of the tree, as ``levels_of`` gives them.
        index: Which entry, from 0.

    Raises:
        ValueError: There is no such entry.
    """
    if not 0 <= index < len(levels[0]):
        raise ValueError("the index is outside of the tree")
    path = []
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return path


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to; the proof holds if it is the one expected.

    Args:
        leaf: Leaf hash of the entry.
        index: Where the entry is, from 0.
        size: Entries of the tree.
        path: The proof, leaf first.

    Raises:
        ValueError: The proof is not one for such a place.
    """
    _check_path(path)
    if not 0 <= index < size:
        raise ValueError("the index is outside of the tree")
    node, at, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            raise ValueError("the proof is too long")
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return node


def roots_of_consistency(  # noqa: C901 -- one algorithm, as in its source
    old_root: bytes, old_size: int, new_size: int, path: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The roots, older and newer, that a consistency proof leads to.

    The proof holds if both are the ones expected.

    Args:
        old_root: Root of the older tree, which the proof leaves out where it can.
        old_size: Entries of the older tree, at least 1.
        new_size: Entries of the newer tree, at least ``old_size``.
        path: The proof.

    Raises:
        ValueError: The proof is not one for such sizes.
    """
    _check_path(path)
    if not 1 <= old_size <= new_size:
        raise ValueError("the older tree has from 1 to as many entries as the newer one")
    if old_size == new_size:
        if path:
            raise ValueError("the proof is too long")
        return old_root, old_root
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    # A whole tree is its own first node.
    nodes = list(path) if at else [old_root, *path]
    if not nodes:
        raise ValueError("the proof is too short")
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise ValueError("the proof is too long")
        if at & 1 or at == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, node)
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return old, new


def includes(tree_root: bytes, entry: bytes, index: int, size: int, path: Sequence[bytes]) -> bool:
    """Return whether an inclusion proof holds; False also if it is malformed."""
    try:
        return root_of_inclusion(leaf_hash(entry), index, size, path) == tree_root
    except ValueError:
        return False


def extends(old: tuple[int, bytes], new: tuple[int, bytes], path: Sequence[bytes]) -> bool:
    """Return whether a consistency proof holds between two trees, each (size, root).

    False also if it is malformed. Every tree extends the empty one, without a proof.
    """
    (old_size, old_root), (new_size, new_root) = old, new
    if old_size == 0:
        return old_root == EMPTY_ROOT and not path
    try:
        return roots_of_consistency(old_root, old_size, new_size, path) == (old_root, new_root)
    except ValueError:
        return False


def _level_up(level: Sequence[bytes]) -> list[bytes]:
    rest = iter(level)
    up = [sha256(b"\1" + left + right).digest() for left, right in zip(rest, rest, strict=False)]
    if len(level) & 1:
        up.append(level[-1])
    return up


def _check_path(path: Sequence[bytes]) -> None:
    if any(len(node) != HASH_BYTES for node in path):
        raise ValueError("a proof is a list of hashes of 32 bytes")
