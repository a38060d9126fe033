"""People who have heard nothing yet are sent to first, in order, and nobody waits for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from veche.messaging.outbox.order import OTHERS_MAX, ROOMS_MAX, SLOW_MS, WAITING_MAX, Order
from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from veche.messaging.outbox.order import Key

BOT = UserId("@veche_bot:example.org")
NOW_MS = 1_764_000_000_000
ANSWERED = range(100, 200)
"""Rooms in which the bot has spoken in most tests."""


def room(number: int) -> Key:
    return BOT, RoomId(f"!{number}")


def an_order() -> Order:
    order = Order()
    for number in ANSWERED:
        order.note_spoken(room(number))
    return order


def begun(order: Order, numbers: Iterable[int], now_ms: int = NOW_MS) -> list[int]:
    """The rooms among those asked for that may begin at once."""
    return [number for number in numbers if order.ask(room(number), now_ms)]


def after(order: Order, number: int, now_ms: int = NOW_MS) -> list[Key]:
    """The rooms that begin once one is done with."""
    order.end(room(number))
    return order.following(now_ms)


def test_newcomers_are_begun_with_in_the_order_in_which_they_came() -> None:
    order = an_order()

    assert begun(order, range(ROOMS_MAX + 3)) == list(range(ROOMS_MAX))
    assert after(order, 5) == [room(ROOMS_MAX)]
    assert after(order, 0) == [room(ROOMS_MAX + 1)]


def test_a_newcomer_comes_before_answers_that_waited_longer() -> None:
    order = an_order()
    begun(order, ANSWERED[: ROOMS_MAX + 2])

    assert begun(order, [1]) == []
    assert after(order, 100) == [room(1)]


def test_answers_go_on_in_few_rooms_while_somebody_has_heard_nothing() -> None:
    order = an_order()
    begun(order, [1])

    assert begun(order, ANSWERED) == list(ANSWERED[:OTHERS_MAX])
    assert after(order, 100) == [room(100 + OTHERS_MAX)]  # nobody waits for ever


def test_answers_wait_as_well_while_a_bot_goes_into_chats() -> None:
    order = an_order()
    order.joining_count = lambda: 1

    assert begun(order, [100, 101]) == [100]


def test_answers_do_not_wait_for_newcomers_whose_server_is_slow() -> None:
    order = an_order()
    begun(order, [1])
    assert len(begun(order, ANSWERED)) == OTHERS_MAX

    assert len(order.following(NOW_MS + SLOW_MS - 1)) == 0
    assert len(order.following(NOW_MS + SLOW_MS)) == ROOMS_MAX - OTHERS_MAX - 1


def test_answers_do_not_wait_for_an_answer_to_a_slow_server() -> None:
    order = an_order()
    begun(order, ANSWERED)  # before there were newcomers
    for number in ANSWERED[: ROOMS_MAX - 1]:
        order.end(room(number))
    late_ms = NOW_MS + SLOW_MS

    assert begun(order, [1], late_ms) == [1]
    assert len(order.following(late_ms)) == OTHERS_MAX


def test_all_places_are_for_answers_once_all_have_heard_something() -> None:
    order = an_order()
    begun(order, [1, *ANSWERED])

    order.note_spoken(room(1))

    assert len(after(order, 1)) == ROOMS_MAX - OTHERS_MAX


def test_who_waits_to_join_learns_that_a_newcomer_has_heard_something() -> None:
    order = an_order()
    ended: list[int] = []
    order.when_first_ends = lambda: ended.append(order.first_count(NOW_MS))
    begun(order, [1, 2])

    order.note_spoken(room(1))
    order.note_spoken(room(1))
    order.end(room(1))
    order.end(room(2))  # it failed, and is tried again later

    assert ended == [1, 0]


def test_a_room_that_is_asked_for_again_waits_for_the_others() -> None:
    order = an_order()
    begun(order, range(ROOMS_MAX + 1))
    begun(order, [0])

    assert after(order, 0) == [room(ROOMS_MAX)]
    assert after(order, 1) == [room(0)]


def test_more_rooms_than_may_wait_are_found_by_looking() -> None:
    order = an_order()
    count = len(begun(order, range(1_000, 1_000 + ROOMS_MAX + WAITING_MAX + 1)))

    for number in range(1_000, 1_000 + ROOMS_MAX + WAITING_MAX):
        count += len(after(order, number))
    assert count == ROOMS_MAX + WAITING_MAX


@given(
    st.lists(
        st.tuples(st.sampled_from(["ask", "say", "end", "later"]), st.integers(0, 40)),
        max_size=200,
    )
)
def test_every_room_that_was_asked_for_is_begun_with_once_at_a_time(
    steps: list[tuple[str, int]],
) -> None:
    order = Order()
    at_work: set[Key] = set()
    waiting: set[Key] = set()
    now_ms = NOW_MS

    def begin(*keys: Key) -> None:
        assert not at_work.intersection(keys)
        at_work.update(keys)
        waiting.difference_update(keys)
        assert len(at_work) <= ROOMS_MAX

    for what, number in steps:
        key = room(number)
        if what == "ask":
            waiting.add(key)
            if order.ask(key, now_ms):
                begin(key)
        elif what == "say" and key in at_work:
            order.note_spoken(key)
        elif what == "end" and key in at_work:
            at_work.discard(key)
            order.end(key)
            begin(*order.following(now_ms))
        elif what == "later":
            now_ms += number * 100
    while at_work:
        order.end(at_work.pop())
        begin(*order.following(now_ms))
    assert not waiting
    assert not order.has_waiting
