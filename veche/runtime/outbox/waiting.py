"""Rooms that wait for their turn to be sent to; pure."""

from __future__ import annotations

from typing import Final

from veche.protocol.ids import RoomId, UserId

Key = tuple[UserId, RoomId]

NEW_IN_A_ROW_MAX: Final = 3
"""New rooms that go before the others, one after another; then one of the others comes."""


class WaitingRooms:
    """Rooms in the order in which they came, but new ones first.

    If a crowd comes, each person hears first that somebody is there. Whoever makes many new rooms
    takes three quarters of the turns at most.
    """

    def __init__(self, rooms_max: int) -> None:
        """Hold ``rooms_max`` rooms of either kind at most; what is beyond is not kept."""
        self._rooms_max = rooms_max
        self._new: dict[Key, None] = {}
        self._others: dict[Key, None] = {}
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._new) + len(self._others)

    def add(self, key: Key, *, is_new: bool) -> None:
        """Let a room wait; one that waits already keeps its place."""
        rooms = self._new if is_new else self._others
        if len(rooms) < self._rooms_max and key not in self._new:
            rooms[key] = None

    def take(self) -> Key:
        """Take the room whose turn it is; there has to be one."""
        is_new = bool(self._new) and (not self._others or self._in_a_row < NEW_IN_A_ROW_MAX)
        self._in_a_row = self._in_a_row + 1 if is_new else 0
        rooms = self._new if is_new else self._others
        key = next(iter(rooms))
        del rooms[key]
        return key
