"""Signing rule of a witness: a head that begins with the newest one that it has signed.

Source: C2SP, tlog-witness.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import BadSignatureError, MalformedError, ProtocolError
from veche.transparency.merkle import EMPTY_ROOT, HASH_BYTES, extends
from veche.transparency.notes import (
    NOTE_BYTES_MAX,
    SIZE_MAX,
    KeyKind,
    lines_of,
    open_note,
    read_checkpoint,
    with_lines,
)
from veche.transparency.witness_protocol import CONFLICT, AddCheckpoint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from veche.transparency.notes import Checkpoint, VerifierKey

SIZE_TYPE: Final = "text/x.tlog.size"
"""Content type of an answer that says which head the witness has."""
PROOF_MAX: Final = 63
"""Most hashes of a consistency proof."""
BODY_BYTES_MAX: Final = NOTE_BYTES_MAX + 4_096
"""Largest message: a note, and the proof before it."""

BAD_REQUEST, FORBIDDEN, NOT_FOUND, UNPROCESSABLE = 400, 403, 404, 422

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,15})")


class WitnessRefusedError(ProtocolError):
    """A witness does not sign a head.

    Attributes:
        status: Of the answer over HTTP.
        size: Of a conflict: how many entries the newest head has that the witness signed.
        is_fork: Whether the head itself proves that its log has two histories.
    """

    errcode = "ORG.VECHE.WITNESS_REFUSED"

    def __init__(
        self, status: int, message: str, *, size: int | None = None, is_fork: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.size = size
        self.is_fork = is_fork


@attrs.frozen
class Shown:
    """A head that a log has signed.

    Attributes:
        head: What it says.
        text: What was signed, with lines that the log may have added.
        note: With the signatures of the log alone: what others append need not be kept.
    """

    head: Checkpoint
    text: str
    note: str


def read_message(body: bytes) -> AddCheckpoint:
    """The message in the body of a request.

    Raises:
        WitnessRefusedError: It has another form (400).
    """
    if len(body) > BODY_BYTES_MAX:
        raise WitnessRefusedError(BAD_REQUEST, f"the message is over {BODY_BYTES_MAX} bytes")
    try:
        first, gap, note = body.decode().partition("\n\n")
    except UnicodeDecodeError as e:
        raise WitnessRefusedError(BAD_REQUEST, "the message is no text") from e
    old, *proof = first.split("\n")
    found = _OLD.fullmatch(old)
    if not gap or found is None or int(found[1]) > SIZE_MAX:
        raise WitnessRefusedError(BAD_REQUEST, "should be: old SIZE, proof, empty line, checkpoint")
    if len(proof) > PROOF_MAX:
        raise WitnessRefusedError(BAD_REQUEST, f"a proof has at most {PROOF_MAX} hashes")
    return AddCheckpoint(int(found[1]), [_hash(line) for line in proof], note)


def shown(message: AddCheckpoint, logs: Mapping[str, Collection[VerifierKey]]) -> Shown:
    """The head in a message, which a log that the witness knows has signed.

    Args:
        message: As it came.
        logs: Keys by the origin of their log.

    Raises:
        WitnessRefusedError: It is no head (400), of a log that is not known (404), or its log has
            not signed it (403).
    """
    try:
        text = _text_of(message.note)
        head = read_checkpoint(text)
    except MalformedError as e:
        raise WitnessRefusedError(BAD_REQUEST, str(e)) from e
    if message.old > head.size:
        raise WitnessRefusedError(BAD_REQUEST, "the old size is over that of the checkpoint")
    if head.origin not in logs:
        raise WitnessRefusedError(NOT_FOUND, "this witness does not know that log")
    keys = [one for one in logs[head.origin] if one.kind is KeyKind.LOG]
    try:
        open_note(message.note, keys)
        note = with_lines(f"{text}\n", lines_of(message.note, keys))
    except MalformedError as e:
        raise WitnessRefusedError(BAD_REQUEST, str(e)) from e
    except BadSignatureError as e:
        raise WitnessRefusedError(FORBIDDEN, str(e)) from e
    return Shown(head, text, note)


def check_follows(message: AddCheckpoint, new: Checkpoint, kept: Checkpoint | None) -> None:
    """Make sure that a head begins with the newest one that the witness has signed.

    Args:
        message: As it came.
        new: The head in it.
        kept: The newest one; None: none of this log yet.

    Raises:
        WitnessRefusedError: It does not begin with what the message says (422), or the witness has
            another one (409).
    """
    size, root = (kept.size, kept.root) if kept is not None else (0, EMPTY_ROOT)
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise WitnessRefusedError(UNPROCESSABLE, "a log without entries has another root")
    if new.size == size and new.root != root:
        what = "the log has signed another root of the same size: both are the proof of two logs"
        raise WitnessRefusedError(CONFLICT, what, size=size, is_fork=True)
    if message.old != size:
        what = f"the newest checkpoint that this witness has signed has {size} entries"
        raise WitnessRefusedError(CONFLICT, what, size=size)
    if not extends((size, root), (new.size, new.root), message.path):
        raise WitnessRefusedError(UNPROCESSABLE, "the proof does not show that the log only grew")


def _text_of(note: str) -> str:
    text, gap, _ = note.rpartition("\n\n")
    if not gap:
        raise MalformedError("note", "has no signatures")
    return f"{text}\n"


def _hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except ValueError as e:
        raise WitnessRefusedError(BAD_REQUEST, "a line of the proof is not base64") from e
    if len(data) != HASH_BYTES or base64.b64encode(data).decode() != line:
        raise WitnessRefusedError(BAD_REQUEST, "a line of the proof is no hash")
    return data
