"""Facts that all signers of a document can compare: its code, and who signs in which order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from veche.protocol.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CODES: Final = 10_000


def code_of(document_sha256: bytes, session_id: str) -> str:
    """Four digits of a document in a session; a swapped document has others, as a rule."""
    digest = hashlib.sha256(document_sha256 + session_id.encode("ascii")).digest()
    return f"{int.from_bytes(digest[-2:], 'big') % _CODES:04}"


def order_sha256(
    parties: Sequence[Mapping[str, object]], stages: Sequence[Mapping[str, object]]
) -> bytes:
    """SHA-256 of who signs, as what and in which order: what every approval names.

    Args:
        parties: ``party``, ``role``, ``name`` and ``user`` of each, but of delegates.
        stages: ``need`` and ``parties`` of each, without delegates.
    """
    told = {"parties": list(parties), "stages": list(stages)}
    return hashlib.sha256(canonical(told, where="parties")).digest()
