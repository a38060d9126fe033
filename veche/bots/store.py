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
    Where several bots share it, also ``bot``, which is part of the key.
    """

    def __init__(self, schema: str, bot: UserId | None = None) -> None:
        """Use the table of a schema, which the code names and nobody else.

        Args:
            schema: Of the service.
            bot: Whose chats; None: the table is of one bot alone.
        """
        self._table = f"{schema}.chat"
        self._bot = () if bot is None else (bot,)
        self._columns = "" if bot is None else ", bot"
        self._values = "" if bot is None else ", %s"
        self._and = "" if bot is None else " AND bot = %s"

    def keep(self, txn: Cursor, room_id: RoomId, person: UserId, now_ms: int) -> None:
        """Keep whose chat a room is; the first to say so is right."""
        txn.execute(
            f"INSERT INTO {self._table} (room_id, person, since_ms{self._columns})"  # noqa: S608 -- ours
            f" VALUES (%s, %s, %s{self._values}) ON CONFLICT DO NOTHING",
            (room_id, person, now_ms, *self._bot),
        )

    def read(self, txn: Cursor, room_id: RoomId) -> Chat | None:
        """The chat in a room; None if it is none."""
        txn.execute(
            f"SELECT person, is_greeted FROM {self._table} WHERE room_id = %s{self._and}",  # noqa: S608 -- ours
            (room_id, *self._bot),
        )
        row = txn.fetchone()
        return Chat(room_id, UserId(row[0]), row[1]) if row else None

    def of(self, txn: Cursor, person: UserId) -> list[Chat]:
        """The chats of a person, the newest first."""
        txn.execute(
            f"SELECT room_id, is_greeted FROM {self._table} WHERE person = %s{self._and}"  # noqa: S608 -- ours
            " ORDER BY since_ms DESC, room_id",
            (person, *self._bot),
        )
        return [Chat(RoomId(room_id), person, is_greeted) for room_id, is_greeted in txn.fetchall()]

    def set_greeted(self, txn: Cursor, room_id: RoomId) -> None:
        """Note that the person was welcomed in their chat."""
        txn.execute(
            f"UPDATE {self._table} SET is_greeted = TRUE WHERE room_id = %s{self._and}",  # noqa: S608 -- ours
            (room_id, *self._bot),
        )

    def drop(self, txn: Cursor, room_id: RoomId) -> None:
        """Forget a chat that the bot was shown out of."""
        txn.execute(
            f"DELETE FROM {self._table} WHERE room_id = %s{self._and}",  # noqa: S608 -- ours
            (room_id, *self._bot),
        )
