"""Merkle trees against the vectors of Certificate Transparency's reference implementation."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from tests.support.tree_proofs import consistency_proof, inclusion_proof
from veche.transparency.merkle import (
    EMPTY_ROOT,
    extends,
    includes,
    leaf_hash,
    node_hash,
    root,
    root_of_hashes,
    root_of_inclusion,
    roots_of_consistency,
)

ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SECOND = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
THIRD_FOURTH = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
RIGHT_HALF = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
FIFTH = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
LAST_TWO = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
FIFTH_SIXTH = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
INCLUSIONS = {
    (0, 1): [],
    (0, 8): [SECOND, THIRD_FOURTH, RIGHT_HALF],
    (5, 8): [FIFTH, LAST_TWO, ROOTS[4]],
    (2, 3): [ROOTS[2]],
    (1, 5): [ROOTS[1], THIRD_FOURTH, FIFTH],
}
CONSISTENCIES = {
    (1, 1): [],
    (1, 8): [SECOND, THIRD_FOURTH, RIGHT_HALF],
    (6, 8): [FIFTH_SIXTH, LAST_TWO, ROOTS[4]],
    (2, 5): [THIRD_FOURTH, FIFTH],
}

HASHES = [leaf_hash(entry) for entry in ENTRIES]
sizes = st.integers(1, 70)


def tree(size: int) -> tuple[list[bytes], list[bytes]]:
    entries = [b"%d" % number for number in range(size)]
    return entries, [leaf_hash(entry) for entry in entries]


@each_row("size", range(9))
def test_roots_are_as_published(size: int) -> None:
    assert root(ENTRIES[:size]).hex() == ROOTS[size]
    assert sha256().digest() == EMPTY_ROOT


@each_row("place", INCLUSIONS)
def test_inclusion_proofs_are_as_published(place: tuple[int, int]) -> None:
    index, size = place
    path = inclusion_proof(HASHES[:size], index)

    assert [node.hex() for node in path] == INCLUSIONS[place]
    assert includes(bytes.fromhex(ROOTS[size]), ENTRIES[index], index, size, path)


@each_row("between", CONSISTENCIES)
def test_consistency_proofs_are_as_published(between: tuple[int, int]) -> None:
    old, new = between
    path = consistency_proof(HASHES[:new], old)

    assert [node.hex() for node in path] == CONSISTENCIES[between]
    old_root, new_root = (bytes.fromhex(ROOTS[size]) for size in between)
    assert extends((old, old_root), (new, new_root), path)


@each_row("size", [*range(1, 34), 64, 65])
def test_every_entry_is_proved_and_no_other(size: int) -> None:
    entries, hashes = tree(size)
    tree_root = root(entries)
    for index, entry in enumerate(entries):
        path = inclusion_proof(hashes, index)
        assert includes(tree_root, entry, index, size, path)
        assert not includes(tree_root, b"other", index, size, path)
        for wrong in {(index + 1) % size, (index + size // 2) % size} - {index}:
            assert not includes(tree_root, entry, wrong, size, path)


@each_row("new", [*range(1, 18), 33])
def test_every_earlier_tree_is_proved_and_no_other(new: int) -> None:
    entries, hashes = tree(new)
    for old in range(1, new + 1):
        path = consistency_proof(hashes, old)
        earlier, later = (old, root(entries[:old])), (new, root(entries))
        assert extends(earlier, later, path)
        assert not extends((old, bytes(32)), later, path)
        assert not extends(earlier, (new, bytes(32)), path)


@given(sizes, st.data())
def test_a_changed_inclusion_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    entries, hashes = tree(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(hashes, index)
    wrong = data.draw(changed(path))

    assert not includes(root(entries), entries[index], index, size, wrong)


@given(sizes, st.data())
def test_a_changed_consistency_proof_does_not_hold(size: int, data: st.DataObject) -> None:
    entries, hashes = tree(size)
    old = data.draw(st.integers(1, size))
    path = consistency_proof(hashes, old)
    wrong = data.draw(changed(path))

    assert not extends((old, root(entries[:old])), (size, root(entries)), wrong)


@st.composite
def changed(draw: st.DrawFn, path: list[bytes]) -> list[bytes]:
    """A path with a node flipped, cut, put in or taken out."""
    node = draw(st.binary(min_size=32, max_size=32))
    if not path:
        return [node]
    at = draw(st.integers(0, len(path) - 1))
    bit = 1 << draw(st.integers(0, 7))
    return draw(
        st.sampled_from(
            [
                [*path[:at], bytes([path[at][0] ^ bit]) + path[at][1:], *path[at + 1 :]],
                [*path[:at], path[at][:-1], *path[at + 1 :]],
                [*path[:at], node, *path[at:]],
                [*path[:at], *path[at + 1 :]],
            ]
        )
    )


def test_all_trees_extend_the_empty_one() -> None:
    assert extends((0, EMPTY_ROOT), (8, root(ENTRIES)), [])
    assert not extends((0, EMPTY_ROOT), (8, root(ENTRIES)), [bytes(32)])
    assert not extends((0, bytes(32)), (8, root(ENTRIES)), [])


def test_an_entry_cannot_pass_for_a_node() -> None:
    inner = HASHES[0] + HASHES[1]

    assert leaf_hash(inner) != node_hash(HASHES[0], HASHES[1])


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (0, 0)])
def test_places_outside_of_a_tree_are_refused(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="outside of the tree"):
        inclusion_proof(HASHES[:size], index)
    with pytest.raises(ValueError, match="outside of the tree"):
        root_of_inclusion(HASHES[0], index, size, [])


@pytest.mark.parametrize(("old", "new"), [(0, 8), (9, 8)])
def test_trees_that_cannot_be_earlier_are_refused(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="the older tree"):
        consistency_proof(HASHES[:new], old)
    with pytest.raises(ValueError, match="the older tree"):
        roots_of_consistency(bytes(32), old, new, [])


def test_hashes_will_do_for_a_root() -> None:
    assert root_of_hashes(HASHES) == root(ENTRIES)
