"""SQL of what was heard of the homeserver's pushes, by whichever process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


@attrs.frozen
class Beat:
    """The known facts about pushes.

    Attributes:
        room_id: Where the application service speaks to itself; None: there is no such room yet.
        asked_at_ms: When something was said since which nothing was pushed; None: nothing was.
        is_due: Whether this process shall say something now.
    """

    room_id: str | None
    asked_at_ms: int | None
    is_due: bool


def look(txn: Cursor, heard_at_ms: int, now_ms: int, quiet_ms: int, again_ms: int) -> Beat:
    """Note what this process heard; one process at a time is told to say something.

    Args:
        txn: Cursor.
        heard_at_ms: When this process last heard a push, UTC; 0: never.
        now_ms: UTC.
        quiet_ms: After so long without a push something is to be said.
        again_ms: After so long it is said again if nothing came.
    """
    txn.execute(
        "UPDATE runtime.heartbeat SET heard_at_ms = greatest(heard_at_ms, %(heard)s),"
        " asked_at_ms = CASE WHEN asked_at_ms > greatest(heard_at_ms, %(heard)s)"
        "  THEN asked_at_ms END"
        " RETURNING room_id, asked_at_ms",
        {"heard": heard_at_ms},
    )
    [(room_id, asked_at_ms)] = txn.fetchall()
    txn.execute(
        "UPDATE runtime.heartbeat SET beat_at_ms = %(now)s"
        " WHERE greatest(heard_at_ms, beat_at_ms) < %(now)s - %(quiet)s"
        " OR (asked_at_ms IS NOT NULL AND beat_at_ms < %(now)s - %(again)s)",
        {"now": now_ms, "quiet": quiet_ms, "again": again_ms},
    )
    return Beat(room_id, asked_at_ms, is_due=txn.rowcount == 1)


def asked(txn: Cursor, at_ms: int) -> None:
    """Note that something was said that has to be pushed, unless that is noted already."""
    txn.execute("UPDATE runtime.heartbeat SET asked_at_ms = coalesce(asked_at_ms, %s)", (at_ms,))


def set_room(txn: Cursor, room_id: str | None) -> None:
    """Keep the room, or forget one that is gone."""
    txn.execute("UPDATE runtime.heartbeat SET room_id = %s", (room_id,))


def unheard_since(txn: Cursor) -> int | None:
    """When something was said since which nothing was pushed; None: nothing is owed."""
    txn.execute("SELECT asked_at_ms FROM runtime.heartbeat")
    [(asked_at_ms,)] = txn.fetchall()
    return None if asked_at_ms is None else int(asked_at_ms)
