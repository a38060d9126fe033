"""SQL of files, as ciphertext."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

BlobKind = Literal["upload", "document", "evidence", "matter"]


def put(txn: Cursor, session_id: str, kind: BlobKind, data: bytes, now_ms: int) -> bytes:
    """Keep a ciphertext of a session in place of the one of this kind; its SHA-256."""
    sha256 = hashlib.sha256(data).digest()
    drop(txn, session_id, kind)
    txn.execute(
        "INSERT INTO signing.blob (sha256, session_id, kind, data, made_at_ms)"
        " VALUES (%s, %s, %s, %s, %s)",
        (sha256, session_id, kind, data, now_ms),
    )
    return sha256


def size(txn: Cursor, session_id: str, sha256: bytes) -> int | None:
    """Bytes of a ciphertext of a session, which is not read for it; None: there is none."""
    txn.execute(
        "SELECT octet_length(data) FROM signing.blob WHERE sha256 = %s AND session_id = %s",
        (sha256, session_id),
    )
    row = txn.fetchone()
    return None if row is None else int(row[0])


def get(txn: Cursor, session_id: str, sha256: bytes) -> bytes | None:
    """A ciphertext of a session by its SHA-256; None: it has no such."""
    txn.execute(
        "SELECT data FROM signing.blob WHERE sha256 = %s AND session_id = %s", (sha256, session_id)
    )
    row = txn.fetchone()
    return bytes(row[0]) if row else None


def of_kind(txn: Cursor, session_id: str, kind: BlobKind) -> bytes | None:
    """The ciphertext of a kind; None: there is none."""
    txn.execute(
        "SELECT data FROM signing.blob WHERE session_id = %s AND kind = %s", (session_id, kind)
    )
    row = txn.fetchone()
    return bytes(row[0]) if row else None


def drop(txn: Cursor, session_id: str, kind: BlobKind) -> None:
    """Delete the ciphertext of a kind, if there is one."""
    txn.execute("DELETE FROM signing.blob WHERE session_id = %s AND kind = %s", (session_id, kind))


def digest_of(txn: Cursor, session_id: str, kind: BlobKind) -> bytes | None:
    """SHA-256 of the ciphertext of a kind; None: there is none."""
    txn.execute(
        "SELECT sha256 FROM signing.blob WHERE session_id = %s AND kind = %s", (session_id, kind)
    )
    row = txn.fetchone()
    return bytes(row[0]) if row else None
