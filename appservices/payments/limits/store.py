"""SQL of what persons forbade to themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


def bans(txn: Cursor, holder: int, now_ms: int) -> dict[str, int]:
    """Return a holder's bans that still count: the end of each."""
    txn.execute(
        "SELECT what, until_ms FROM payments.self_ban WHERE holder = %s AND until_ms > %s"
        " ORDER BY what",
        (holder, now_ms),
    )
    return dict(txn.fetchall())


def ban(txn: Cursor, holder: int, what: str, until_ms: int, nonce: str) -> None:
    """A holder forbids something to themselves; what lasts longer already stays."""
    txn.execute(
        "INSERT INTO payments.self_ban AS b (holder, what, until_ms, approved_by)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT (holder, what) DO UPDATE"
        " SET until_ms = greatest(b.until_ms, EXCLUDED.until_ms),"
        " approved_by = EXCLUDED.approved_by",
        (holder, what, until_ms, nonce),
    )
