"""Evidence of a dispute: files that a side sent, known by the hash of what is in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.approval import showable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FILES_MAX: Final = 10
"""Most files of one side of a dispute."""
FILE_BYTES_MAX: Final = 10 * 1024 * 1024
_UNITS: Final = ("B", "kB", "MB")
_STEP: Final = 1000


@attrs.frozen
class Evidence:
    """A file.

    Attributes:
        n: Counts those of the dispute, from 1.
        by: Number of the holder who sent it.
        sha256: Of the file itself, in hex.
        size_bytes: Of the file itself.
        name: Under which it is saved.
        mimetype: What it is by its content, else what the sender said.
        file: ``EncryptedFile`` of the Matrix spec: where it is, and what opens it.
        at_ms: When it became evidence, UTC.
    """

    n: int
    by: int
    sha256: str
    size_bytes: int
    name: str
    mimetype: str
    file: Mapping[str, Any] = attrs.field(repr=False)
    at_ms: int


def size_words(size_bytes: int) -> str:
    """The size of a file for people, such as "1.2 MB"."""
    size, unit = float(size_bytes), 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def plain_name(name: str) -> str | None:
    """The name of a file without the folders before it; None if it cannot be shown as it is."""
    plain = re.split(r"[/\\]", name)[-1].strip()
    return plain if plain and showable(plain) == plain else None


def line_of(evidence: Evidence, name: str) -> str:
    """One line of a list.

    Args:
        evidence: The file.
        name: Of who sent it.
    """
    size = size_words(evidence.size_bytes)
    return f"{evidence.n}. {evidence.name} ({size}, {name}): {evidence.sha256}"
