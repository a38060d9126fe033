"""A part of a directory's log as it travels: entries, proofs that it has them, and its head.

Whoever follows a directory keeps the entries. Each bundle proves that the head begins with those,
and has the new ones where they stand: so a directory cannot take back what it has said, nor tell
somebody else another thing under the same head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import attrs
from pydantic import Field

from veche.contracts.directory.entries import ENTRY_BYTES_MAX
from veche.protocol.errors import BadSignatureError, MalformedError, ProtocolError
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import Wire
from veche.transparency.cosignatures import are_enough
from veche.transparency.fields import HEAD_PATH_MAX, Hash, SignedNote
from veche.transparency.merkle import extends, includes, leaf_hash, root_of_hashes
from veche.transparency.notes import SIZE_MAX, open_checkpoint
from veche.transparency.witness_proofs import WitnessedHead, read_witnessed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from veche.contracts.directory.snapshot import Root
    from veche.transparency.notes import Checkpoint, VerifierKey

ENTRIES_MAX: Final = 100
"""Most entries of one bundle."""


class BundleEntry(Wire):
    """An entry with its proof.

    Attributes:
        index: Place in the log, from 0.
        entry: Its text.
        path: Inclusion proof (RFC 6962).
    """

    index: Annotated[int, Field(ge=0, le=SIZE_MAX)]
    entry: Annotated[str, Field(min_length=2, max_length=ENTRY_BYTES_MAX)]
    path: Annotated[list[Hash], Field(max_length=HEAD_PATH_MAX)]


class Bundle(Wire):
    """A part of a directory's log.

    Attributes:
        v: 1.
        checkpoint: Its newest signed head.
        consistency: Proof that it begins with as many entries as were asked from; empty for 0.
        entries: The next ones, without a gap; there may be more.
        witnessed: The newest head that enough witnesses have signed; None: none.
    """

    v: Annotated[int, Field(ge=1, le=1)]
    checkpoint: SignedNote
    consistency: Annotated[list[Hash], Field(max_length=HEAD_PATH_MAX)]
    entries: Annotated[list[BundleEntry], Field(max_length=ENTRIES_MAX)]
    witnessed: WitnessedHead | None = None


class BundleError(ProtocolError):
    """A bundle proves nothing; the text says why."""

    errcode = "ORG.VECHE.DIRECTORY_PROOF"


@attrs.frozen
class Held:
    """A follower's copy of a directory.

    Attributes:
        entries: From the first on, without a gap.
        size: Entries of the newest head that it has seen; it may have fewer.
    """

    entries: tuple[str, ...] = ()
    size: int = 0

    @property
    def is_whole(self) -> bool:
        """Return whether it has all entries of that head."""
        return len(self.entries) == self.size


def followed(
    held: Held,
    bundle: Bundle,
    root: Root,
    witnesses: Collection[VerifierKey] = (),
    needed: int = 0,
) -> Held:
    """Return a follower's copy after it took a bundle that starts after its last entry.

    Args:
        held: What it has.
        bundle: What it got.
        root: Whom it trusts.
        witnesses: Keys of those that it knows.
        needed: How many of them have to vouch for the log.

    Raises:
        BundleError: The bundle is not of this directory, takes something back, has a gap, or is
            not vouched for.
    """
    head = _head(bundle, root)
    if head.size < held.size:
        raise BundleError(f"the directory had {held.size} entries, and has {head.size} now")
    _check_begins(held.entries, bundle, head)
    places = [one.index for one in bundle.entries]
    first = len(held.entries)
    if places != list(range(first, first + len(places))) or (not places and head.size > first):
        raise BundleError(f"the entries from {first} on are not there, or not in their order")
    for one in bundle.entries:
        path = [decode_base64(each) for each in one.path]
        if not includes(head.root, one.entry.encode(), one.index, head.size, path):
            raise BundleError(f"entry {one.index} is not in the head")
    _check_witnessed(bundle, head, root, witnesses, needed)
    return Held((*held.entries, *(one.entry for one in bundle.entries)), head.size)


def _head(bundle: Bundle, root: Root) -> Checkpoint:
    try:
        origin = bundle.checkpoint.partition("\n")[0]
        return open_checkpoint(bundle.checkpoint, root.keys_of(origin))
    except (MalformedError, BadSignatureError) as e:
        raise BundleError(f"the head is not signed by {root.log}: {e}") from e


def _check_begins(entries: Sequence[str], bundle: Bundle, head: Checkpoint) -> None:
    if not entries:
        return
    old = len(entries), root_of_hashes([leaf_hash(one.encode()) for one in entries])
    path = [decode_base64(one) for one in bundle.consistency]
    if not extends(old, (head.size, head.root), path):
        raise BundleError("the head does not begin with the entries that were there before")


def _check_witnessed(
    bundle: Bundle,
    head: Checkpoint,
    root: Root,
    witnesses: Collection[VerifierKey],
    needed: int,
) -> None:
    found = None
    if bundle.witnessed is not None and witnesses:
        keys = [*root.keys_of(bundle.witnessed.checkpoint.partition("\n")[0]), *witnesses]
        try:
            found = read_witnessed(bundle.witnessed, head, keys)
        except (MalformedError, BadSignatureError) as e:
            raise BundleError(f"what witnesses have signed is wrong: {e}") from e
    if not are_enough(found, witnesses, needed):
        raise BundleError(f"fewer than {needed} witnesses vouch for the directory")
