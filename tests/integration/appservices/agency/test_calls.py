"""A clerk calls a person, who asks the office's bot whether that is so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.integration.appservices.agency.town import (
    ALICE,
    BOB,
    BOT,
    CAROL,
    CHAT,
    IRIS,
    new_words,
    words_of,
)
from veche.protocol.ids import EventId, RoomId
from veche.protocol.inbound import DeviceStanding, Inbound, Trust

if TYPE_CHECKING:
    from tests.integration.appservices.agency.town import Town
    from veche.runtime.database import Cursor

YES = "Yes, our office calls you about case"
NO = "No. Hang up."
MINUTE_MS = 60_000
BOBS = RoomId("!bobs:veche.test")


def announce(town: Town, words: str = "call") -> str:
    """The clerk says in the thread of the case that they call; the four words."""
    said = new_words(town.write(town.desk(), CAROL, words, thread=town.case().desk_effect))
    found = re.search(r"on the phone: (\w+ \w+ \w+ \w+)", said)
    assert found, said
    return found[1]


def history(town: Town, person: str = ALICE) -> list[str]:
    """What happened to the newest case of a person."""
    [(kept,)] = town.sql(
        "SELECT kept FROM agency.case_file WHERE person = %s ORDER BY opened_at_ms DESC LIMIT 1",
        person,
    )
    return [entry["happened"] for entry in kept["history"]]


def outcomes(town: Town) -> list[str | None]:
    """What became of each call, the oldest first."""
    return [one for (one,) in town.sql("SELECT outcome FROM agency.call ORDER BY call_id")]


def test_the_right_words_are_answered_with_the_case_in_the_chat(town: Town) -> None:
    four = announce(town.claimed())

    said = town.write(CHAT, ALICE, f"call {four}")

    assert f"{YES} {case_number(town)}" in new_words(said, CHAT)
    assert "they know that it is you" in new_words(said, town.desk())
    assert history(town)[-2:] == ["called", "call_confirmed"]
    assert outcomes(town) == ["confirmed"]


def case_number(town: Town) -> str:
    """The number of the newest case as people read it."""
    case_id = town.case().id
    return case_id[-8:]


@pytest.mark.parametrize("typed", ["CALL  {four}", "{four}", "Anruf: {four}", "/call {four}"])
def test_the_right_words_are_understood_in_the_room_of_the_case(town: Town, typed: str) -> None:
    four = announce(town.claimed())

    said = town.write(town.case().room, ALICE, typed.format(four=four.upper()))

    assert YES in new_words(said, town.case().room)


def test_a_client_that_knows_commands_asks_too(town: Town) -> None:
    four = announce(town.claimed())
    content = {
        "msgtype": "m.text",
        "body": f"/call {four}",
        "org.matrix.msc4391.command": {"command": "call", "arguments": {"words": four}},
    }

    assert YES in new_words(town.hear(CHAT, ALICE, content))


def test_words_are_found_while_a_form_waits(town: Town) -> None:
    four = announce(town.claimed())
    town.write(CHAT, ALICE, "menu")
    town.write(CHAT, ALICE, "1")
    town.write(CHAT, ALICE, "Start")

    assert YES in new_words(town.write(CHAT, ALICE, f"call {four}"), CHAT)


def test_wrong_words_are_answered_with_no(town: Town) -> None:
    announce(town.claimed())

    said = town.write(CHAT, ALICE, "call lamp river moon tree")

    assert NO in new_words(said, CHAT)
    assert case_number(town) not in new_words(said)
    assert new_words(said, town.desk()) == ""
    assert history(town)[-1] == "called"


def test_words_count_for_minutes(town: Town) -> None:
    four = announce(town.claimed())
    town.now_ms += 10 * MINUTE_MS

    assert NO in new_words(town.write(CHAT, ALICE, f"call {four}"))


def test_words_still_count_just_before_the_end(town: Town) -> None:
    four = announce(town.claimed())
    town.now_ms += 10 * MINUTE_MS - 2_000

    assert YES in new_words(town.write(CHAT, ALICE, f"call {four}"))


def test_words_count_once(town: Town) -> None:
    four = announce(town.claimed())

    answers = [new_words(town.write(CHAT, ALICE, f"call {four}"), CHAT) for _ in range(2)]

    assert YES in answers[0]
    assert NO in answers[1]
    assert history(town).count("call_confirmed") == 1


def test_words_of_one_person_mean_nothing_to_another(town: Town) -> None:
    four = announce(town.claimed())
    town.greeted(BOB, BOBS)

    foreign = new_words(town.write(BOBS, BOB, f"call {four}"))
    wrong = new_words(town.write(BOBS, BOB, "call lamp river moon tree"))

    assert foreign == wrong  # nothing tells that these words exist
    assert NO in foreign
    assert YES in new_words(town.write(CHAT, ALICE, f"call {four}"))


def test_newer_words_take_the_place_of_older_ones(town: Town) -> None:
    town.claimed()
    first, second = announce(town), announce(town, "/call")

    assert NO in new_words(town.write(CHAT, ALICE, f"call {first}"))
    assert YES in new_words(town.write(CHAT, ALICE, f"call {second}"))
    assert outcomes(town) == ["replaced", "confirmed"]


def test_after_three_wrong_tries_nothing_counts_and_the_desk_is_told(town: Town) -> None:
    four = announce(town.claimed())

    said = [town.write(CHAT, ALICE, "call lamp river moon tree") for _ in range(3)]
    late = new_words(town.write(CHAT, ALICE, f"call {four}"))

    assert [bool(new_words(one, town.desk())) for one in said] == [False, False, True]
    assert "in your name" in new_words(said[2], town.desk())
    assert late == new_words(said[0])
    assert outcomes(town) == ["wrong"]
    # New words do not count either, until the hour is over.
    assert NO in new_words(town.write(CHAT, ALICE, f"call {announce(town)}"))
    town.now_ms += 60 * MINUTE_MS
    assert YES in new_words(town.write(CHAT, ALICE, f"call {announce(town)}"))


def test_two_mistakes_are_forgiven(town: Town) -> None:
    four = announce(town.claimed())
    for _ in range(2):
        town.write(CHAT, ALICE, "call lamp river moon tree")

    assert YES in new_words(town.write(CHAT, ALICE, f"call {four}"))


def test_a_process_that_dies_in_between_uses_no_words(town: Town) -> None:
    four = announce(town.claimed())
    inbound = Inbound(
        bot=BOT,
        room_id=CHAT,
        event_id=EventId("$asked"),
        sender=ALICE,
        event_type="m.room.message",
        content={"msgtype": "m.text", "body": f"call {four}"},
        trust=Trust.VERIFIED,
        standing=DeviceStanding.VERIFIED,
        at_ms=town.now_ms,
    )

    def killed(txn: Cursor) -> None:
        town.agency.receive(txn, inbound)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        town.run(killed)
    assert outcomes(town) == [None]

    before = len(town.said)
    town.run(town.agency.receive, inbound)
    town.settle()
    assert YES in new_words(town.said[before:], CHAT)
    assert outcomes(town) == ["confirmed"]


def test_only_who_may_decide_gets_words_and_only_in_a_thread(town: Town) -> None:
    town.claimed()

    for who, thread in ((IRIS, town.case().desk_effect), (CAROL, None)):
        said = words_of(town.write(town.desk(), who, "call", thread=thread))
        assert "in the thread of a case" in said
    assert outcomes(town) == []


def test_where_others_read_along_nothing_is_answered(town: Town) -> None:
    four = announce(town.claimed())
    town.seat(CHAT, BOB)

    said = new_words(town.write(CHAT, ALICE, f"call {four}"))

    assert YES not in said
    assert NO not in said
    assert outcomes(town) == [None]


def test_an_unencrypted_question_uses_no_words(town: Town) -> None:
    four = announce(town.claimed())

    said = new_words(town.write(CHAT, ALICE, f"call {four}", trust=Trust.ANY))

    assert YES not in said
    assert outcomes(town) == [None]


def test_nothing_stores_the_words(town: Town) -> None:
    four = announce(town.claimed())
    [(row,)] = town.sql("SELECT row_to_json(call)::text FROM agency.call")

    assert not any(f'"{word}"' in row for word in four.split())


def test_old_wrong_words_are_forgotten(town: Town) -> None:
    town.claimed()
    town.write(CHAT, ALICE, "call lamp river moon tree")
    [(_, drop, kept_ms)] = [one for one in town.agency.housekeeping() if "words" in one[0]]

    assert town.run(drop, town.now_ms - kept_ms) == 0
    assert town.run(drop, town.now_ms + 1) == 1
