"""SQL of the rooms in which those talk who take part in a dispute or an escrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from veche.protocol.ids import EffectId, RoomId

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

Kind = Literal["dispute", "escrow"]


class Place(NamedTuple):
    """A room.

    Attributes:
        kind: Of what it is about.
        matter_id: Id of the dispute or the escrow.
        room_id: Which room.
        card: The message that shows how it stands; None before there is one.
    """

    kind: Kind
    matter_id: str
    room_id: RoomId
    card: EffectId | None


def of_matter(txn: Cursor, matter_id: str) -> Place | None:
    """The room of a dispute or an escrow; None as long as there is none, or the bot has left."""
    return _read(txn, "matter_id", matter_id)


def at(txn: Cursor, room_id: RoomId) -> Place | None:
    """Return the matter of a room; None if it has none, or the bot has left."""
    return _read(txn, "room_id", room_id)


def keep(txn: Cursor, kind: Kind, matter_id: str, room_id: RoomId, now_ms: int) -> Place:
    """Keep a room that was made."""
    txn.execute(
        "INSERT INTO payments.case_room (matter_id, kind, room_id, made_at_ms)"
        " VALUES (%s, %s, %s, %s)",
        (matter_id, kind, room_id, now_ms),
    )
    return Place(kind, matter_id, room_id, None)


def set_card(txn: Cursor, room_id: RoomId, card: EffectId) -> None:
    """Keep which message shows how it stands."""
    txn.execute("UPDATE payments.case_room SET card = %s WHERE room_id = %s", (card, room_id))


def set_left(txn: Cursor, room_id: RoomId) -> None:
    """Note that the bot is not there any more."""
    txn.execute("UPDATE payments.case_room SET is_left = TRUE WHERE room_id = %s", (room_id,))


def _read(txn: Cursor, column: Literal["matter_id", "room_id"], value: str) -> Place | None:
    txn.execute(
        "SELECT kind, matter_id, room_id, card FROM payments.case_room"  # noqa: S608 -- one of ours
        f" WHERE {column} = %s AND NOT is_left",
        (value,),
    )
    row = txn.fetchone()
    return Place(row[0], row[1], RoomId(row[2]), row[3]) if row else None
