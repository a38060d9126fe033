"""Record of seals: what, by whom and when; it only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def add_seal(txn: Cursor, organisation: str, digest: bytes, reference: str, at_ms: int) -> None:
    """Keep that something is sealed.

    Args:
        txn: The transaction.
        organisation: Whose seal.
        digest: SHA-256 of what is sealed.
        reference: What the organisation knows it by.
        at_ms: UTC.
    """
    txn.execute(
        "INSERT INTO signing.seal (organisation, digest, reference, at_ms) VALUES (%s, %s, %s, %s)",
        (organisation, digest, reference, at_ms),
    )


def has_seal(txn: Cursor, organisation: str, digest: bytes, reference: str) -> bool:
    """Return whether this seal is recorded already, under this reference."""
    txn.execute(
        "SELECT 1 FROM signing.seal WHERE digest = %s AND organisation = %s AND reference = %s"
        " LIMIT 1",
        (digest, organisation, reference),
    )
    return txn.fetchone() is not None
