"""SQL of the chats of persons with the bot, and of what they could not be told yet."""

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
        "INSERT INTO payments.chat (room_id, person, since_ms) VALUES (%s, %s, %s)"
        " ON CONFLICT (room_id) DO NOTHING",
        (room_id, person, now_ms),
    )


def chat(txn: Cursor, room_id: RoomId) -> Chat | None:
    """The chat in a room; None if it is none."""
    txn.execute("SELECT person, is_greeted FROM payments.chat WHERE room_id = %s", (room_id,))
    row = txn.fetchone()
    return Chat(room_id, UserId(row[0]), row[1]) if row else None


def chats_of(txn: Cursor, person: UserId) -> list[Chat]:
    """The chats of a person, the newest first."""
    txn.execute(
        "SELECT room_id, is_greeted FROM payments.chat WHERE person = %s ORDER BY since_ms DESC",
        (person,),
    )
    return [Chat(RoomId(room_id), person, is_greeted) for room_id, is_greeted in txn.fetchall()]


def set_greeted(txn: Cursor, room_id: RoomId) -> None:
    """Note that the person was welcomed in their chat."""
    txn.execute("UPDATE payments.chat SET is_greeted = TRUE WHERE room_id = %s", (room_id,))


def drop_chat(txn: Cursor, room_id: RoomId) -> None:
    """Forget a chat that the bot was shown out of."""
    txn.execute("DELETE FROM payments.chat WHERE room_id = %s", (room_id,))


def keep_untold(txn: Cursor, holder_id: int, payment_id: str) -> str:
    """Note that a holder is to be told of a payment once they have a chat.

    Returns:
        Id of the payment of which they were to be told first.
    """
    txn.execute(
        "INSERT INTO payments.untold (holder, payment_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (holder_id, payment_id),
    )
    txn.execute(
        "SELECT payment_id FROM payments.untold WHERE holder = %s ORDER BY n LIMIT 1", (holder_id,)
    )
    [(first,)] = txn.fetchall()
    return str(first)


def take_untold(txn: Cursor, holder_id: int) -> list[str]:
    """The payments that a holder is to be told of, the oldest first; they are told now."""
    txn.execute("DELETE FROM payments.untold WHERE holder = %s RETURNING payment_id", (holder_id,))
    return sorted(payment_id for (payment_id,) in txn.fetchall())
