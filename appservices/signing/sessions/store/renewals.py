"""SQL of when closed files need a new time stamp."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def plan(txn: Cursor, session_id: str, final_sha256: bytes, renew_before_ms: int) -> None:
    """Note until when a closed file has to be renewed, in place of what was noted before."""
    txn.execute(
        "INSERT INTO signing.renewal (final_sha256, session_id, renew_before_ms)"
        " VALUES (%s, %s, %s) ON CONFLICT (session_id) DO UPDATE"
        " SET final_sha256 = EXCLUDED.final_sha256, renew_before_ms = EXCLUDED.renew_before_ms,"
        " tries = 0",
        (final_sha256, session_id, renew_before_ms),
    )


def due(txn: Cursor, now_ms: int, stamped_before_ms: int, count: int) -> list[str]:
    """Ids of sessions whose file has to be renewed by now, the longest due first.

    Args:
        txn: The transaction.
        now_ms: UTC.
        stamped_before_ms: Files whose last stamp is older are due whatever was noted, UTC.
        count: At most so many.
    """
    txn.execute(
        "SELECT session_id FROM signing.renewal WHERE renew_before_ms <= %s OR"
        " (SELECT max(at_ms) FROM signing.revision WHERE revision.session_id = renewal.session_id)"
        " < %s"
        " ORDER BY tries, renew_before_ms LIMIT %s",
        (now_ms, stamped_before_ms, count),
    )
    return [row[0] for row in txn.fetchall()]


def is_due(txn: Cursor, session_id: str, now_ms: int, stamped_before_ms: int) -> bool:
    """Return whether the file of a session has to be renewed by now; see ``due``."""
    txn.execute(
        "SELECT 1 FROM signing.renewal WHERE session_id = %s AND (renew_before_ms <= %s OR"
        " (SELECT max(at_ms) FROM signing.revision WHERE revision.session_id = renewal.session_id)"
        " < %s)",
        (session_id, now_ms, stamped_before_ms),
    )
    return txn.fetchone() is not None


def count_failure(txn: Cursor, session_id: str) -> None:
    """Note that a file could not be renewed; it is tried again after the others."""
    txn.execute("UPDATE signing.renewal SET tries = tries + 1 WHERE session_id = %s", (session_id,))


def drop(txn: Cursor, session_id: str) -> None:
    """Renew the file of a session no more."""
    txn.execute("DELETE FROM signing.renewal WHERE session_id = %s", (session_id,))
