"""Acknowledgements are kept until a transaction that wrote them has committed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from veche.messaging.outbox.marks import Mark, Marks
from veche.protocol.ids import EffectId, EventId, RoomId, UserId

ROOM, BOT = RoomId("!room"), UserId("@veche_bot:example.org")


def mark(name: str) -> Mark:
    return Mark(ROOM, BOT, EffectId(name), EventId(f"${name}"), None)


def test_a_mark_is_known_until_it_is_written() -> None:
    marks = Marks()
    marks.note(mark("a"))

    taken = marks.take()

    assert marks.find(ROOM, EffectId("a")) == mark("a")
    marks.written(taken)
    assert marks.find(ROOM, EffectId("a")) is None


def test_what_is_taken_is_not_given_twice() -> None:
    marks = Marks()
    marks.note(mark("a"))

    assert [one.effect_id for one in marks.take()] == ["a"]
    assert marks.take() == []


def test_a_failed_transaction_gives_its_marks_back_before_newer_ones() -> None:
    marks = Marks()
    marks.note(mark("a"))
    taken = marks.take()
    marks.note(mark("b"))

    marks.restore(taken)

    assert [one.effect_id for one in marks.take()] == ["a", "b"]


def test_the_first_one_wakes_and_so_does_a_failure() -> None:
    marks = Marks()
    rung: list[str] = []
    marks.when_first(lambda: rung.append("ring"))

    marks.note(mark("a"))
    marks.note(mark("b"))
    assert rung == ["ring"]

    marks.restore(marks.take())
    assert rung == ["ring", "ring"]
    marks.restore([])
    assert rung == ["ring", "ring"]


@given(st.lists(st.sampled_from(["note", "take", "write", "fail"]), max_size=60))
def test_no_mark_is_lost_whatever_fails(steps: list[str]) -> None:
    marks, written, taken = Marks(), set(), []
    count = 0
    for step in steps:
        if step == "note":
            marks.note(mark(str(count)))
            count += 1
        elif step == "take":
            taken.append(marks.take())
        elif taken and step == "write":
            done = taken.pop()
            written |= {one.effect_id for one in done}
            marks.written(done)
        elif taken:
            marks.restore(taken.pop())
    for rest in [*taken, marks.take()]:
        written |= {one.effect_id for one in rest}

    assert written == {str(number) for number in range(count)}
