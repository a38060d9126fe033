"""Heads of a ledger as they are posted in a room.

A room is the one place that nobody takes back: who is in it has what was said there. So a head that
was posted is one that its ledger is held to, by anybody who kept it. Each post has the proof that
it begins with the one before; and what other institutions signed of the same ledger.
``appservices/payments/proofs/core/heads.py`` says what a copy of the room proves.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from veche.protocol.wire import Wire
from veche.transparency.fields import HEAD_PATH_MAX, Hash
from veche.transparency.notes import NOTE_BYTES_MAX, SIZE_MAX

HEADS_KEY: Final = "org.veche.ledger_heads"
WITNESSED_MAX: Final = 8
"""Notes of witnesses in one post."""
WITNESSED_BYTES_MAX: Final = 1_500
"""Longest note of a witness in a post."""

Note = Annotated[str, Field(min_length=1, max_length=NOTE_BYTES_MAX)]


class LedgerHeads(Wire):
    """The newest head of a ledger, posted in a room, ``org.veche.ledger_heads``.

    Attributes:
        v: 1.
        checkpoint: Signed note: origin, number of blocks, root.
        after: Number of blocks of the head that was posted before; 0: this is the first one.
        consistency: Proof (RFC 6962) that it begins with that one; empty for the first.
        witnessed: Heads that witnesses have signed too: of this ledger, signed by others, and of
            others, signed by this institution.
    """

    v: Literal[1]
    checkpoint: Note
    after: Annotated[int, Field(ge=0, le=SIZE_MAX)]
    consistency: Annotated[list[Hash], Field(max_length=HEAD_PATH_MAX)]
    witnessed: Annotated[list[Note], Field(max_length=WITNESSED_MAX)]
