"""Logs whose heads are signed: a Merkle tree in the database, and checkpoints of it for everybody.

Every few seconds in which something was added the tree (RFC 6962) is signed as a checkpoint. It
tells a size and a hash. Whoever holds two can check that one is the beginning of the other, so the
log cannot be rewritten without a trace. The logs of acts and the ledger are such trees; each brings
its tables. Source: design of Veche, acts §3.4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from veche.acts.last_signed import Signed, database_id
from veche.protocol.errors import NotFoundError, UnavailableError, VecheError
from veche.protocol.unpadded_base64 import encode_base64
from veche.transparency import tree_nodes as kept_tree
from veche.transparency.notes import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from veche.acts.last_signed import LastSigned
    from veche.runtime.database import Cursor
    from veche.transparency.notes import NoteSigner
    from veche.transparency.tree_nodes import Node

HEAD_EVERY_MS: Final = 10_000
HISTORY: Final = re.compile(r"/v([1-9][0-9]{0,8})/([^/]+)$")
"""In the name of a log: the number of its history, and what the log is called."""
ENTRIES_MAX: Final = 5_000
"""Entries that one transaction adds."""


class ForkedError(VecheError):
    """A log is not the one that was signed: an incident that people must investigate."""

    errcode = "ORG.VECHE.LOG_FORKED"


class MovedError(ForkedError):
    """A log is in another database than before, and has all that it signed."""

    errcode = "ORG.VECHE.LOG_MOVED"


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


def publish(
    txn: Cursor,
    tree: SignedTree,
    signer: NoteSigner,
    now_ms: int,
    last_signed: LastSigned | None = None,
) -> bool:
    """Sign what was added to a log since its last head; whether there is more than that.

    Args:
        txn: A transaction.
        tree: Of the log.
        signer: In its name.
        now_ms: UTC.
        last_signed: What it signed last, by the files outside the database: the new head is
            written there first, so that no restored database signs another one of its size.

    Raises:
        ForkedError: The entries are not those that were signed.
        ConfigError: What is about to be signed cannot be written.
    """
    tree.lock(txn)
    origin = signer.verifier.name
    signed = last_signed.of(origin) if last_signed is not None else None
    grown = _grown(txn, tree, signed)
    check(txn, tree, signed, grown)
    if number_of(origin) != current(txn):
        raise ForkedError(f"{tree.name} has begun another history: this process is of the old one")
    if not grown.made:
        return False
    point = Checkpoint(origin, grown.size, _root(txn, tree, grown.size, grown.made))
    if last_signed is not None:
        last_signed.keep(origin, Signed(point.size, point.root, database_id(txn)))
    tree.keep(txn, grown.made, Head(point.size, signer.sign(point.to_text())), now_ms)
    return grown.is_more


def number_of(origin: str) -> int:
    """Which history of its log a name is of."""
    found = HISTORY.search(origin)
    return int(found[1]) if found else 1


def current(txn: Cursor) -> int:
    """The number of the present history."""
    txn.execute("SELECT coalesce(max(number), 1) FROM runtime.history")
    [(number,)] = txn.fetchall()
    return int(number)


def check(txn: Cursor, tree: SignedTree, signed: Signed | None, grown: Grown | None = None) -> None:
    """Make sure that a log begins with what it signed last, and is in the same database.

    Args:
        txn: A transaction.
        tree: Of the log.
        signed: What it signed last, by the file outside the database.
        grown: What was added since its last head, if that is read already.

    Raises:
        ForkedError: It is not so: an older backup was restored, or the log was changed.
    """
    grown = grown or _grown(txn, tree, signed)
    if signed is None:
        return
    if grown.size < signed.size:
        raise ForkedError(
            f"{tree.name} has {grown.size} {tree.entries} in the database, and has signed"
            f" {signed.size}: the database is an older one"
        )
    if _root(txn, tree, signed.size, grown.made) != signed.root:
        raise ForkedError(
            f"{tree.name} has signed {signed.size} {tree.entries}, and those in the database are"
            " other ones"
        )
    if database_id(txn) != signed.database:
        raise MovedError(
            f"{tree.name} is in another database than before: it was restored, or has moved"
        )


def adopt(txn: Cursor, tree: SignedTree, origin: str, size: int, last_signed: LastSigned) -> None:
    """Keep outside the database what a log has signed by what is in it."""
    last_signed.keep(origin, Signed(size, _root(txn, tree, size), database_id(txn)))


class Grown(NamedTuple):
    """The entries of a log beyond its last head.

    Attributes:
        size: How many entries there are, with those.
        made: The nodes that are new; none if there is nothing.
        is_more: Whether there may be more entries than were read.
    """

    size: int
    made: Mapping[Node, bytes]
    is_more: bool


def _grown(txn: Cursor, tree: SignedTree, signed: Signed | None) -> Grown:
    """Read what was added since the last head: at least up to what was signed last.

    Raises:
        ForkedError: The entries are not those that were signed.
    """
    last = tree.newest(txn)
    size = last.size if last is not None else 0
    # With the last one that is in the tree already, to see that it is still the same.
    first = max(size - 1, 0)
    # A transaction that was lost may have been about to sign more than one step.
    limit = max(ENTRIES_MAX, signed.size - first if signed is not None else 0)
    found = tree.leaves_from(txn, first, limit)
    places, hashes = [place for place, _ in found], [leaf for _, leaf in found]
    if places != list(range(first, first + len(places))) or (size and not places):
        raise ForkedError(f"{tree.name} has lost {tree.entries} from {first} on")
    edge = kept_tree.edge(size)
    kept = tree.nodes(txn, [*edge, kept_tree.Node(0, first)])
    if size and kept.get(kept_tree.Node(0, first)) != hashes.pop(0):
        raise ForkedError(f"number {first} of the {tree.entries} of {tree.name} is another one")
    made = kept_tree.grown(size, [kept[node] for node in edge], hashes)
    return Grown(size + len(hashes), made, len(found) == limit)


def extended(txn: Cursor, tree: SignedTree, after: int | None) -> tuple[Head, Sequence[str]]:
    """The newest signed head of a log, and the proof that it begins with an older one.

    Without a size of the older one, or with 0, no proof is asked for.

    Raises:
        NotFoundError: There is no head of that size yet.
        UnavailableError: There is no head yet.
    """
    head = newest(txn, tree)
    if not after:
        return head, []
    if after > head.size:
        raise NotFoundError(f"the newest head has {head.size} {tree.entries}")
    return head, [encode_base64(one) for one in consistency(txn, tree, after, head.size)]


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
    return [encode_base64(one) for one in _hashes(txn, tree, kept_tree.inclusion(place, size))]


def text_of(txn: Cursor, tree: SignedTree, origin: str, size: int) -> str:
    """The text of the head that a log had when it had ``size`` entries.

    Raises:
        NotFoundError: So many are not signed.
    """
    last = tree.newest(txn)
    if last is None or not 0 < size <= last.size:
        raise NotFoundError(f"no head of {size} {tree.entries} is published")
    return Checkpoint(origin, size, _root(txn, tree, size)).to_text()


def _hashes(txn: Cursor, tree: SignedTree, spans: Sequence[Sequence[Node]]) -> list[bytes]:
    kept = tree.nodes(txn, [node for nodes in spans for node in nodes])
    return kept_tree.hashes_of(spans, kept)


def _root(
    txn: Cursor, tree: SignedTree, size: int, made: Mapping[Node, bytes] | None = None
) -> bytes:
    """The root that the log has at a size; ``made`` are nodes that are not kept yet."""
    edge, new = kept_tree.edge(size), made or {}
    kept = tree.nodes(txn, [node for node in edge if node not in new])
    return kept_tree.root_of_edge([new[node] if node in new else kept[node] for node in edge])
