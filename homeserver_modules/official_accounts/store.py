"""How somebody was called before, by Synapse's own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synapse.storage.database import LoggingTransaction


def last_name(txn: LoggingTransaction, user_id: str) -> str | None:
    """Return the name in the room that a local person joined, or changed their name in, last."""
    txn.execute(
        "SELECT m.display_name FROM local_current_membership AS c"
        " JOIN room_memberships AS m ON m.event_id = c.event_id"
        " WHERE c.user_id = ? AND c.membership = 'join'"
        " ORDER BY m.event_stream_ordering DESC LIMIT 1",
        (user_id,),
    )
    row = txn.fetchone()
    return None if row is None else row[0]
