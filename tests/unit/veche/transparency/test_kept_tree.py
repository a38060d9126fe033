from __future__ import annotations

from hashlib import sha256

import pytest

from tests.support.tree_proofs import consistency_proof, inclusion_proof
from veche.transparency import merkle
from veche.transparency import tree_nodes as kept_tree
from veche.transparency.tree_nodes import Node, grown, hashes_of

SIZE = 140
LEAVES = [sha256(b"%d" % n).digest() for n in range(SIZE)]
KEPT = grown(0, [], LEAVES)


def edge_hashes(size: int) -> list[bytes]:
    return [KEPT[node] for node in kept_tree.edge(size)]


@pytest.mark.parametrize("step", [1, 3, 64])
def test_a_tree_that_grows_has_the_nodes_of_one_that_is_made_at_once(step: int) -> None:
    found: dict[Node, bytes] = {}
    for size in range(0, SIZE, step):
        edge = [found[node] for node in kept_tree.edge(size)]
        more = grown(size, edge, LEAVES[size : size + step])
        assert not found.keys() & more.keys()
        found |= more

    assert found == KEPT
    assert len(KEPT) < 2 * SIZE


def test_every_root_is_that_of_the_list() -> None:
    for size in range(SIZE + 1):
        root = kept_tree.root_of_edge(edge_hashes(size))
        assert root == merkle.root_of_hashes(LEAVES[:size])


def test_every_inclusion_proof_is_that_of_the_list() -> None:
    for size in range(1, SIZE + 1, 7):
        for index in range(size):
            path = hashes_of(kept_tree.inclusion(index, size), KEPT)
            assert path == inclusion_proof(LEAVES[:size], index)


def test_every_consistency_proof_is_that_of_the_list() -> None:
    for size in range(1, SIZE + 1, 7):
        for old in range(1, size + 1):
            path = hashes_of(kept_tree.consistency(old, size), KEPT)
            assert path == consistency_proof(LEAVES[:size], old)


def test_a_proof_of_a_large_tree_reads_few_nodes() -> None:
    size = 2**40 - 1

    for path in (kept_tree.inclusion(12_345, size), kept_tree.consistency(12_345, size)):
        assert sum(map(len, path)) <= 80


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_there_is_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        kept_tree.inclusion(index, size)


@pytest.mark.parametrize(("old", "size"), [(0, 5), (6, 5), (-1, 5)])
def test_no_tree_extends_a_larger_one(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="older"):
        kept_tree.consistency(old, size)
