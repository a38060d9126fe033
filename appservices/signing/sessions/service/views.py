"""How digests and clauses are told over HTTP and in cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from veche.contracts.signing.signing_api import ClauseView
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Clause


def digest_view(sha256: bytes | None) -> str | None:
    """A digest as it is told; None: there is none."""
    return None if sha256 is None else encode_base64(sha256)


def clause_view(clause: Clause, field: str | None = None) -> ClauseView:
    """A clause, by its title or by the digest of it.

    Args:
        clause: Of the document.
        field: Box in which the reader accepts it by a signature of its own; None: in none.
    """
    return ClauseView(
        id=clause.id,
        title=clause.title or None,
        title_sha256=digest_view(clause.title_sha256),
        kind=clause.kind.value,
        page=clause.page,
        field=field,
    )
