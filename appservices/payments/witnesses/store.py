"""SQL of the room in which the heads of the ledger are posted, and of what is posted there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from veche.protocol.ids import RoomId

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


class Place(NamedTuple):
    """The room.

    Attributes:
        room_id: Which.
        size: Blocks of the head that was posted last; 0: none was.
        at_ms: When that was, UTC.
    """

    room_id: RoomId
    size: int
    at_ms: int


def place(txn: Cursor) -> Place | None:
    """The room, locked until the transaction ends; None before it is made."""
    txn.execute("SELECT room_id, size, at_ms FROM payments.heads_room FOR UPDATE")
    row = txn.fetchone()
    return Place(RoomId(row[0]), row[1], row[2]) if row else None


def known(txn: Cursor) -> RoomId | None:
    """The room, without a lock; None before it is made."""
    txn.execute("SELECT room_id FROM payments.heads_room")
    row = txn.fetchone()
    return RoomId(row[0]) if row else None


def keep_place(txn: Cursor, room_id: RoomId) -> None:
    """Keep the room that was made."""
    txn.execute(
        "INSERT INTO payments.heads_room (room_id) VALUES (%s) ON CONFLICT DO NOTHING", (room_id,)
    )


def posted(txn: Cursor, size: int, now_ms: int) -> None:
    """Keep which head was posted, and when."""
    txn.execute("UPDATE payments.heads_room SET size = %s, at_ms = %s", (size, now_ms))


def keep_seen(txn: Cursor, peer: int, size: int, note: str) -> None:
    """Keep a head of ours that a peer has signed too, in the place of a shorter one."""
    txn.execute(
        "INSERT INTO payments.peer_seen AS s (peer, size, note) VALUES (%s, %s, %s)"
        " ON CONFLICT (peer) DO UPDATE SET size = EXCLUDED.size, note = EXCLUDED.note"
        " WHERE s.size < EXCLUDED.size",
        (peer, size, note),
    )


def take_witnessed(txn: Cursor, limit: int, bytes_max: int) -> list[str]:
    """Notes that others or we signed as witnesses and that were not posted; they count as posted.

    Args:
        txn: The transaction.
        limit: How many at most; the others are taken the next time.
        bytes_max: Longest note that is posted; longer ones are left out.
    """
    found: list[str] = []
    for table in ("peer_seen", "peer_head"):
        txn.execute(
            f"UPDATE payments.{table} SET posted_size = size WHERE peer IN (SELECT peer"  # noqa: S608 -- constants
            f" FROM payments.{table} WHERE posted_size < size AND octet_length(note) <= %s"
            " ORDER BY peer LIMIT %s) RETURNING note",
            (bytes_max, limit - len(found)),
        )
        found += [note for (note,) in txn.fetchall()]
    return found
