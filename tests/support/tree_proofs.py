"""Proofs of Merkle trees as RFC 6962 defines them, from all leaves: slow, and plainly right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.transparency.merkle import levels_of, path_in, root_of_hashes

if TYPE_CHECKING:
    from collections.abc import Sequence


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The path from an entry to the root (RFC 6962 section 2.1.1), leaf first.

    Args:
        hashes: Leaf hashes of all entries.
        index: Which entry, from 0.

    Raises:
        ValueError: There is no such entry.
    """
    return path_in(levels_of(hashes), index)


def consistency_proof(hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """Shows that a tree begins with its first ``old_size`` entries (RFC 6962 section 2.1.2).

    Args:
        hashes: Leaf hashes of all entries of the newer tree.
        old_size: Entries of the older one, from 1 to as many as there are.

    Raises:
        ValueError: ``old_size`` is out of bounds.
    """
    if not 1 <= old_size <= len(hashes):
        raise ValueError("the older tree has from 1 to as many entries as the newer one")
    return _subproof(hashes, old_size, is_known=True)


def _subproof(hashes: Sequence[bytes], old_size: int, *, is_known: bool) -> list[bytes]:
    # Named SUBPROOF in the RFC; `is_known`: the verifier has the root of these hashes.
    size = len(hashes)
    if old_size == size:
        return [] if is_known else [root_of_hashes(hashes)]
    split = 1 << (size - 1).bit_length() - 1
    left, right = hashes[:split], hashes[split:]
    if old_size <= split:
        return [*_subproof(left, old_size, is_known=is_known), root_of_hashes(right)]
    return [*_subproof(right, old_size - split, is_known=False), root_of_hashes(left)]
