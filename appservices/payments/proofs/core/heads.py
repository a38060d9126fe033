"""Offline check of a copy of the room in which a ledger's heads are posted."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import attrs

from veche.contracts.payments.ledger_heads import HEADS_KEY, LedgerHeads
from veche.protocol.errors import MalformedError, VecheError
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import parse
from veche.transparency.merkle import extends
from veche.transparency.notes import open_checkpoint, open_note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from veche.transparency.notes import Checkpoint, VerifierKey

COPY_BYTES_MAX: Final = 16 * 1024 * 1024
"""Largest copy of a room that is read."""
POSTS_MAX: Final = 20_000

_NOTE: Final = re.compile(
    r"^(?:\S{1,255})\n(?:0|[1-9][0-9]{0,15})\n[A-Za-z0-9+/=]{44}\n\n"
    r"(?:\u2014 \S{1,255} [A-Za-z0-9+/=]{8,}(?:\n|\Z)){1,16}",
    re.MULTILINE,
)


@attrs.frozen
class Copied:
    """A head in the copy of a room.

    Attributes:
        head: What its ledger signed.
        note: As it stood there.
        post: What it stood in; None for a note that was copied as text, or a witness's.
        signers: Names of all known keys that signed it.
    """

    head: Checkpoint
    note: str
    post: LedgerHeads | None
    signers: frozenset[str]


class TwoLedgersError(VecheError):
    """A ledger has signed contradicting heads: both notes are the proof."""

    errcode = "ORG.VECHE.TWO_LEDGERS"


def read_copy(data: bytes) -> list[LedgerHeads | str] | None:
    """The posts and notes in the copy of a room; None if there are none.

    Args:
        data: JSON of any form that has the messages (an export of a chat, an event), or text in
            which the notes stand as they are.
    """
    if len(data) > COPY_BYTES_MAX:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        found: list[LedgerHeads | str] = list(_notes_in(text))
    else:
        found = list(_posts_in(value)) or list(_notes_in("\n".join(_texts_in(value))))
    return found[:POSTS_MAX] or None


def open_copy(
    found: Sequence[LedgerHeads | str], keys: Collection[VerifierKey]
) -> dict[str, list[Copied]]:
    """The heads in a copy whose ledgers' keys are known, by ledger, the shortest first.

    Heads of a witness's that nobody knows a key of are left out.

    Raises:
        BadSignatureError: A post is signed by nobody whose key is known, or a signature is wrong.
        MalformedError: Something is no note of a head.
        TwoLedgersError: A ledger has signed two heads of one size.
    """
    names = {key.name for key in keys}
    ledgers: dict[str, dict[int, Copied]] = {}
    for one in found:
        post = one if isinstance(one, LedgerHeads) else None
        notes = [post.checkpoint, *post.witnessed] if post is not None else [str(one)]
        for place, note in enumerate(notes):
            if place and note.partition("\n")[0] not in names:
                continue
            _add(ledgers, _opened(note, keys, post if place == 0 else None))
    return {name: [known[size] for size in sorted(known)] for name, known in ledgers.items()}


def _opened(note: str, keys: Collection[VerifierKey], post: LedgerHeads | None) -> Copied:
    head = open_checkpoint(note, keys)
    _, signers = open_note(note, keys)
    return Copied(head, note, post, frozenset(one.name for one in signers))


def _add(ledgers: dict[str, dict[int, Copied]], new: Copied) -> None:
    """Keep a head beside those of its ledger; of one that is there already who else signed it."""
    known = ledgers.setdefault(new.head.origin, {})
    old = known.get(new.head.size)
    if old is not None and old.head.root != new.head.root:
        raise _two(old, new)
    if old is not None:
        new = attrs.evolve(old, post=old.post or new.post, signers=old.signers | new.signers)
    known[new.head.size] = new


def unproven(heads: Sequence[Copied]) -> list[Copied]:
    """The heads of a ledger that no later one in the copy is proven to begin with.

    The posts around the heads are signed by nobody: a proof in them that does not hold proves
    nothing, neither one ledger nor two.

    Args:
        heads: Of one ledger, the shortest first.
    """
    by_size = {one.head.size: one for one in heads}
    proven = set()
    for one in heads:
        before = by_size.get(one.post.after) if one.post is not None else None
        if one.post is not None and before is not None and _begins_with(one, before, one.post):
            proven.add(before.head.size)
    return [one for one in heads if one.head.size not in proven]


def _begins_with(new: Copied, old: Copied, post: LedgerHeads) -> bool:
    path = [decode_base64(digest) for digest in post.consistency]
    return extends((old.head.size, old.head.root), (new.head.size, new.head.root), path)


def is_chain(heads: Sequence[Copied]) -> bool:
    """Return whether the copy alone proves that each head begins with the one before."""
    follows = all(new.post and new.post.after == old.head.size for old, new in pairwise(heads))
    return follows and len(unproven(heads)) <= 1


def _two(one: Copied, other: Copied) -> TwoLedgersError:
    return TwoLedgersError(
        f"the heads of {one.head.size} and of {other.head.size} blocks do not go together; their"
        f" ledger {one.head.origin} has signed both:\n\n{one.note}\n{other.note}"
    )


def _posts_in(value: Any) -> Iterator[LedgerHeads]:
    """Every payload, wherever it is."""
    for one in _objects_in(value):
        if isinstance(one, dict) and HEADS_KEY in one:
            try:
                yield parse(LedgerHeads, one[HEADS_KEY], where=HEADS_KEY)
            except MalformedError:
                continue  # of somebody who writes in other rooms


def _texts_in(value: Any) -> Iterator[str]:
    """Collect the texts of messages."""
    said = (one.get("body") for one in _objects_in(value) if isinstance(one, dict))
    return (one for one in said if isinstance(one, str))


def _objects_in(value: Any) -> Iterator[Any]:
    """Everything in a JSON value, in its order."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting.extend(reversed(list(inner)))


def _notes_in(text: str) -> Iterator[str]:
    for found in _NOTE.finditer(text.replace("\r\n", "\n")):
        yield f"{found[0].rstrip(chr(10))}\n"
