"""Fields of proofs as they travel: hashes, paths through a tree, signed notes."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from veche.transparency.notes import NOTE_BYTES_MAX

HEAD_PATH_MAX: Final = 63
"""Longest inclusion proof in a published head."""

Hash = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$")]
"""A SHA-256 hash in unpadded base64."""
SignedNote = Annotated[str, Field(min_length=1, max_length=NOTE_BYTES_MAX)]
