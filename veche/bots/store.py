"""SQL of the chats of persons with a bot, in a table ``chat`` of the bot's own schema."""

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


class Chats:
    """The chats of one bot.

    The table: ``room_id`` (its key), ``person``, ``since_ms``, ``is_greeted`` (false by default).
    """

    def __init__(self, schema: str) -> None:
        """Those of a schema, which the code names and nobody else."""
        self._table = f"{schema}.chat"

    def keep(self, txn: Cursor, room_id: RoomId, person: UserId, now_ms: int) -> None:
        """Keep whose chat a room is; the first to say so is right."""
        txn.execute(
            f"INSERT INTO {self._table} (room_id, person, since_ms) VALUES (%s, %s, %s)"  # noqa: S608 -- ours
            " ON CONFLICT (room_id) DO NOTHING",
            (room_id, person, now_ms),
        )

    def read(self, txn: Cursor, room_id: RoomId) -> Chat | None:
        """The chat in a room; None if it is none."""
        txn.execute(
            f"SELECT person, is_greeted FROM {self._table} WHERE room_id = %s",  # noqa: S608 -- ours
            (room_id,),
        )
        row = txn.fetchone()
        return Chat(room_id, UserId(row[0]), row[1]) if row else None

    def of(self, txn: Cursor, person: UserId) -> list[Chat]:
        """The chats of a person, the newest first."""
        txn.execute(
            f"SELECT room_id, is_greeted FROM {self._table} WHERE person = %s"  # noqa: S608 -- ours
            " ORDER BY since_ms DESC",
            (person,),
        )
        return [Chat(RoomId(room_id), person, is_greeted) for room_id, is_greeted in txn.fetchall()]

    def set_greeted(self, txn: Cursor, room_id: RoomId) -> None:
        """Note that the person was welcomed in their chat."""
        txn.execute(f"UPDATE {self._table} SET is_greeted = TRUE WHERE room_id = %s", (room_id,))  # noqa: S608 -- ours

    def drop(self, txn: Cursor, room_id: RoomId) -> None:
        """Forget a chat that the bot was shown out of."""
        txn.execute(f"DELETE FROM {self._table} WHERE room_id = %s", (room_id,))  # noqa: S608 -- ours
