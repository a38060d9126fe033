"""How a log shows a witness its newest head, and what the witness answers.

A witness keeps the newest head of each log that it knows, and signs another one only if that begins
with the one it keeps. So a log that shows one history to some and another to others finds no
witness for both. Source: C2SP, tlog-witness. ``appservices/witness/core.py`` decides what the
witness of ours signs.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.transparency.notes import SIZE_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH: Final = "/add-checkpoint"
"""Below the address of a witness."""

CONFLICT: Final = 409
"""Status of an answer that says which head the witness has."""
_SIZE_ANSWER: Final = re.compile(rb"(0|[1-9][0-9]{0,15})\n")


@attrs.frozen
class AddCheckpoint:
    """A log's request to a witness.

    Attributes:
        old: Entries of the newest head that the witness has signed, as far as the log knows.
        path: Consistency proof (RFC 6962) from there to the new head.
        note: The new head, signed.
    """

    old: int
    path: Sequence[bytes]
    note: str

    def to_bytes(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(base64.b64encode(one).decode() for one in self.path)]
        return "\n".join([*lines, "", self.note]).encode()


def read_size(body: bytes) -> int | None:
    """Which head a witness says that it has, in its answer to a conflict; None: it says nothing."""
    found = _SIZE_ANSWER.fullmatch(body)
    return int(found[1]) if found is not None and int(found[1]) <= SIZE_MAX else None
