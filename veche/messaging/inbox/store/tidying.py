"""SQL of forgetting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.messaging.inbox.store.rows import State

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

HOUSEKEEPING_ROWS_MAX: Final = 5_000


def forget_events(txn: Cursor, before_ms: int) -> int:
    """Drop the events of rows that were done before; how many, at most a batch."""
    txn.execute(
        "UPDATE runtime.inbox SET event = NULL WHERE (room_id, event_id, bot) IN ("
        " SELECT room_id, event_id, bot FROM runtime.inbox"
        " WHERE received_at_ms < %s AND state IN (2, 3) AND event IS NOT NULL LIMIT %s)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount


def give_up_late(txn: Cursor, before_ms: int) -> int:
    """Refuse rows whose key did not come for days; how many, at most a batch."""
    txn.execute(
        "UPDATE runtime.inbox SET state = %s, wanted_session = NULL"
        " WHERE (room_id, event_id, bot) IN ("
        " SELECT room_id, event_id, bot FROM runtime.inbox"
        " WHERE received_at_ms < %s AND state = %s LIMIT %s)",
        (int(State.REFUSED), before_ms, int(State.LATE), HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount


def forget_rows(txn: Cursor, before_ms: int) -> int:
    """Remove old rows, ids too; how many, at most a batch."""
    txn.execute(
        "DELETE FROM runtime.inbox WHERE (room_id, event_id, bot) IN ("
        " SELECT room_id, event_id, bot FROM runtime.inbox"
        " WHERE received_at_ms < %s AND state >= 2 LIMIT %s)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount


def forget_page_acts(txn: Cursor, before_ms: int) -> int:
    """Forget keys of what people did on pages before; how many, at most a batch.

    As long as its row is there a key stays too: the same act would else clash with it.
    """
    txn.execute(
        "DELETE FROM runtime.page_act WHERE event_id IN ("
        " SELECT p.event_id FROM runtime.page_act AS p WHERE p.created_at_ms < %s"
        " AND NOT EXISTS (SELECT FROM runtime.inbox AS i WHERE i.room_id = p.room_id"
        "  AND i.event_id = p.event_id AND i.bot = p.bot) LIMIT %s)",
        (before_ms, HOUSEKEEPING_ROWS_MAX),
    )
    return txn.rowcount
