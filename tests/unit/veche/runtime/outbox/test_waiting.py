"""Rooms that wait to be sent to: new ones first, and nobody waits for ever."""

from __future__ import annotations

from veche.protocol.ids import RoomId, UserId
from veche.runtime.outbox.waiting import NEW_IN_A_ROW_MAX, Key, WaitingRooms

BOT = UserId("@bot:here")


def room(name: str) -> Key:
    return BOT, RoomId(f"!{name}")


def taken(rooms: WaitingRooms) -> list[str]:
    return [rooms.take()[1][1:] for _ in range(len(rooms))]


def test_rooms_come_in_their_order_and_new_ones_first() -> None:
    rooms = WaitingRooms(10)
    rooms.add(room("a"), is_new=False)
    rooms.add(room("b"), is_new=False)
    rooms.add(room("new"), is_new=True)

    assert taken(rooms) == ["new", "a", "b"]


def test_however_many_new_rooms_come_the_others_have_their_turn() -> None:
    rooms = WaitingRooms(10)
    for number in range(2 * NEW_IN_A_ROW_MAX):
        rooms.add(room(f"new{number}"), is_new=True)
    rooms.add(room("a"), is_new=False)
    rooms.add(room("b"), is_new=False)

    order = taken(rooms)

    assert order.index("a") == NEW_IN_A_ROW_MAX
    assert order.index("b") == 2 * NEW_IN_A_ROW_MAX + 1


def test_a_room_waits_once_and_keeps_its_place() -> None:
    rooms = WaitingRooms(10)
    for is_new in (True, True, False):
        rooms.add(room("a"), is_new=is_new)

    assert taken(rooms) == ["a"]


def test_no_more_rooms_wait_than_are_allowed() -> None:
    rooms = WaitingRooms(2)
    for name in ("a", "b", "c"):
        rooms.add(room(name), is_new=True)
        rooms.add(room(name.upper()), is_new=False)

    assert sorted(taken(rooms)) == ["A", "B", "a", "b"]
