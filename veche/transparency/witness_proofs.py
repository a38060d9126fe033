"""Proofs by witnesses for the head of a log: who signed it, or an older one, and when.

A head is signed by its log at once and by witnesses a moment later. So with the newest head goes
the newest one that enough witnesses have signed, and the proof that the newest begins with it:
whatever is in that one, they vouch for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from veche.protocol.errors import BadSignatureError
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import Wire
from veche.transparency.cosignatures import Cosigned, cosigned
from veche.transparency.fields import HEAD_PATH_MAX, Hash, SignedNote
from veche.transparency.merkle import extends
from veche.transparency.notes import log_of, open_checkpoint

if TYPE_CHECKING:
    from collections.abc import Collection

    from veche.transparency.notes import Checkpoint, VerifierKey


class WitnessedHead(Wire):
    """A head that witnesses have signed, beside a newer one.

    Attributes:
        checkpoint: Signed note, by the log and by witnesses.
        consistency: Proof (RFC 6962) that the newer head begins with it; empty if they are equal.
    """

    checkpoint: SignedNote
    consistency: Annotated[list[Hash], Field(max_length=HEAD_PATH_MAX)]


def read_witnessed(
    value: WitnessedHead, newest: Checkpoint, keys: Collection[VerifierKey]
) -> Cosigned:
    """Read and check the witnesses' signatures for the log of a head.

    Args:
        value: What goes with it.
        newest: The head, which was checked.
        keys: Of the log and of witnesses.

    Raises:
        MalformedError: It is no head.
        BadSignatureError: The log did not sign it, a signature of a known witness is wrong, or the
            newest head does not begin with it.
    """
    head = open_checkpoint(value.checkpoint, keys)
    path = [decode_base64(one) for one in value.consistency]
    is_older = log_of(head.origin) == log_of(newest.origin) and head.size > 0
    if not is_older or not extends((head.size, head.root), (newest.size, newest.root), path):
        raise BadSignatureError("the head does not begin with the one that witnesses have signed")
    return cosigned(value.checkpoint, head.size, keys)
