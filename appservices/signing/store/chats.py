"""SQL of the chats of persons with the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from veche.runtime.database import Cursor


@attrs.frozen
class Chat:
    """A chat of a person with the bot."""

    room_id: RoomId
    person: UserId
    is_greeted: bool


def keep_chat(txn: Cursor, room_id: RoomId, person: UserId, now_ms: int) -> None:
    """Keep whose chat a room is; the first to say so is right."""
    txn.execute(
        "INSERT INTO signing.chat (room_id, person, since_ms) VALUES (%s, %s, %s)"
        " ON CONFLICT (room_id) DO NOTHING",
        (room_id, person, now_ms),
    )


def chat(txn: Cursor, room_id: RoomId) -> Chat | None:
    """The chat in a room; None if it is none."""
    txn.execute("SELECT person, is_greeted FROM signing.chat WHERE room_id = %s", (room_id,))
    row = txn.fetchone()
    return Chat(room_id, UserId(row[0]), row[1]) if row else None


def chats_of(txn: Cursor, person: UserId) -> list[Chat]:
    """The chats of a person, the newest first."""
    txn.execute(
        "SELECT room_id, is_greeted FROM signing.chat WHERE person = %s ORDER BY since_ms DESC",
        (person,),
    )
    return [Chat(RoomId(room_id), person, is_greeted) for room_id, is_greeted in txn.fetchall()]


def set_greeted(txn: Cursor, room_id: RoomId) -> None:
    """Note that the person was welcomed in their chat."""
    txn.execute("UPDATE signing.chat SET is_greeted = TRUE WHERE room_id = %s", (room_id,))


def drop_chat(txn: Cursor, room_id: RoomId) -> None:
    """Forget a chat that the bot was shown out of."""
    txn.execute("DELETE FROM signing.chat WHERE room_id = %s", (room_id,))
