"""Logs whose heads are signed: a Merkle tree in the database, and checkpoints of it for everybody.

Every few seconds in which something was added the tree (RFC 6962) is signed as a checkpoint. It
tells a size and a hash. Whoever holds two can check that one is the beginning of the other, so the
log cannot be rewritten without a trace. The logs of acts and the ledger are such trees; each brings
its tables. Source: design of Veche, acts §3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from veche.protocol import kept_tree
from veche.protocol.errors import NotFoundError, UnavailableError, VecheError
from veche.protocol.notes import Checkpoint
from veche.protocol.unpadded import unpadded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from veche.protocol.kept_tree import Node
    from veche.protocol.notes import NoteSigner
    from veche.runtime.database import Cursor

HEAD_EVERY_MS: Final = 10_000
ENTRIES_MAX: Final = 5_000
"""Entries that one transaction adds."""


class ForkedError(VecheError):
    """A log is not the one that was signed: an incident, to be looked into by people."""

    errcode = "ORG.VECHE.LOG_FORKED"


class Head(NamedTuple):
    """A signed head.

    Attributes:
        size: How many entries it has.
        note: The signed checkpoint.
    """

    size: int
    note: str


class SignedTree(Protocol):
    """The tables of a log, with its tree and its heads; entries are counted from 0.

    Attributes:
        name: What it is called where something is wrong with it.
        entries: What is in it: acts, or blocks.
    """

    @property
    def name(self) -> str:
        """As above."""

    @property
    def entries(self) -> str:
        """As above."""

    def lock(self, txn: Cursor) -> None:
        """Sign alone until the transaction ends."""

    def newest(self, txn: Cursor) -> Head | None:
        """The newest signed head; None before the first."""

    def head_of(self, txn: Cursor, size: int) -> Head | None:
        """The head that was signed at a size."""

    def first_after(self, txn: Cursor, size: int) -> int | None:
        """When the first head beyond a size was signed, in ms UTC; None: there is none yet."""

    def leaves_from(self, txn: Cursor, place: int, limit: int) -> list[tuple[int, bytes]]:
        """Places and leaf hashes of entries in their order."""

    def nodes(self, txn: Cursor, wanted: Iterable[Node]) -> dict[Node, bytes]:
        """The nodes that are kept of those that are wanted."""

    def keep(self, txn: Cursor, made: Mapping[Node, bytes], head: Head, now_ms: int) -> None:
        """Keep nodes that are new, and the head that has them."""


def publish(txn: Cursor, tree: SignedTree, signer: NoteSigner, now_ms: int) -> bool:
    """Sign what was added to a log since its last head; whether there is more than that.

    Args:
        txn: A transaction.
        tree: Of the log.
        signer: In its name.
        now_ms: UTC.

    Raises:
        ForkedError: The entries are not those that were signed.
    """
    tree.lock(txn)
    last = tree.newest(txn)
    size = last.size if last is not None else 0
    # With the last one that is in the tree already, to see that it is still the same.
    first = max(size - 1, 0)
    found = tree.leaves_from(txn, first, ENTRIES_MAX)
    places, hashes = [place for place, _ in found], [leaf for _, leaf in found]
    if places != list(range(first, first + len(places))) or (size and not places):
        raise ForkedError(f"{tree.name} has lost {tree.entries} from {first} on")
    edge = kept_tree.edge(size)
    kept = tree.nodes(txn, [*edge, kept_tree.Node(0, first)])
    if size and kept.get(kept_tree.Node(0, first)) != hashes.pop(0):
        raise ForkedError(f"number {first} of the {tree.entries} of {tree.name} is another one")
    if not hashes:
        return False
    made = kept_tree.grown(size, [kept[node] for node in edge], hashes)
    point = _point(signer.verifier.name, size + len(hashes), kept | made)
    tree.keep(txn, made, Head(point.size, signer.sign(point.to_text())), now_ms)
    return len(found) == ENTRIES_MAX


def extended(txn: Cursor, tree: SignedTree, after: int | None) -> tuple[Head, Sequence[str]]:
    """The newest signed head of a log, and the proof that it begins with an older one.

    Args:
        txn: A transaction.
        tree: Of the log.
        after: Size of the older one; None or 0: no proof is asked for.

    Raises:
        NotFoundError: There is no head of that size yet.
        UnavailableError: There is no head yet.
    """
    head = newest(txn, tree)
    if not after:
        return head, []
    if after > head.size:
        raise NotFoundError(f"the newest head has {head.size} {tree.entries}")
    return head, [unpadded(one) for one in consistency(txn, tree, after, head.size)]


def newest(txn: Cursor, tree: SignedTree, size_min: int = 1) -> Head:
    """The newest signed head of a log, which has at least ``size_min`` entries.

    Raises:
        UnavailableError: There is no such head yet.
    """
    head = tree.newest(txn)
    if head is None or head.size < size_min:
        words = f"It is not published yet: please ask again in {HEAD_EVERY_MS // 1000} seconds"
        raise UnavailableError(words, retry_after_ms=HEAD_EVERY_MS)
    return head


def consistency(txn: Cursor, tree: SignedTree, old: int, size: int) -> list[bytes]:
    """The proof that the head of ``size`` entries begins with that of ``old``; empty if it is 0."""
    return _hashes(txn, tree, kept_tree.consistency(old, size)) if old else []


def inclusion(txn: Cursor, tree: SignedTree, place: int, size: int) -> list[str]:
    """The proof that an entry is in the head of ``size`` entries, unpadded base64."""
    return [unpadded(one) for one in _hashes(txn, tree, kept_tree.inclusion(place, size))]


def text_of(txn: Cursor, tree: SignedTree, origin: str, size: int) -> str:
    """The text of the head that a log had when it had ``size`` entries.

    Raises:
        NotFoundError: So many are not signed.
    """
    last = tree.newest(txn)
    if last is None or not 0 < size <= last.size:
        raise NotFoundError(f"no head of {size} {tree.entries} is published")
    return _point(origin, size, tree.nodes(txn, kept_tree.edge(size))).to_text()


def _hashes(txn: Cursor, tree: SignedTree, spans: Sequence[Sequence[Node]]) -> list[bytes]:
    kept = tree.nodes(txn, [node for nodes in spans for node in nodes])
    return kept_tree.hashes_of(spans, kept)


def _point(origin: str, size: int, kept: Mapping[Node, bytes]) -> Checkpoint:
    root = kept_tree.root_of_edge([kept[node] for node in kept_tree.edge(size)])
    return Checkpoint(origin, size, root)
