"""SQL of the evidence of disputes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


@attrs.frozen
class EvidenceRow:
    """A file as it is kept.

    Attributes:
        n: Counts those of the dispute, from 1.
        by: Number of the holder who sent it.
        sha256: Of the file itself.
        size_bytes: Of the file itself.
        sealed: Its name, where it is and what opens it, under the operator's key.
        at_ms: When it became evidence, UTC.
    """

    n: int
    by: int
    sha256: bytes
    size_bytes: int
    sealed: bytes
    at_ms: int


def add(txn: Cursor, dispute_id: str, row: EvidenceRow) -> bool:
    """Keep a file of a dispute that is locked; False if it has the same file already."""
    txn.execute(
        "INSERT INTO payments.dispute_file (dispute_id, n, by, sha256, size_bytes, sealed, at_ms)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (dispute_id, sha256) DO NOTHING",
        (dispute_id, row.n, row.by, row.sha256, row.size_bytes, row.sealed, row.at_ms),
    )
    return txn.rowcount == 1


def of_dispute(txn: Cursor, dispute_id: str) -> list[EvidenceRow]:
    """The files of a dispute, as they came."""
    txn.execute(
        "SELECT n, by, sha256, size_bytes, sealed, at_ms FROM payments.dispute_file"
        " WHERE dispute_id = %s ORDER BY n",
        (dispute_id,),
    )
    return [_row(row) for row in txn.fetchall()]


def _row(row: tuple[Any, ...]) -> EvidenceRow:
    n, by, sha256, size_bytes, sealed, at_ms = row
    return EvidenceRow(n, by, bytes(sha256), size_bytes, bytes(sealed), at_ms)
