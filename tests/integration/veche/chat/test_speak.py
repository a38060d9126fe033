"""A bot that speaks, hints, and what is kept of people, on a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.veche.prompt_room import ACCOUNT, GROUND, LOG, PromptRoom
from tests.support.act_chain import check_chain
from tests.support.postgres import database
from tests.support.prompts import ALICE, BOT, MALLORY, NOW_MS, ROOM
from veche.chat import people
from veche.chat.hints import Hints
from veche.chat.sending import Ground, Sender
from veche.messaging.inbox.store import State
from veche.protocol.acts import OPENING, ActClass
from veche.protocol.ids import EventId
from veche.runtime.crypto.recovery import Hint, HintKind
from veche.runtime.database.migrate import KERNEL_SETS

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = {"msgtype": "m.text", "body": "hello"}


@pytest.fixture
def room() -> Iterator[PromptRoom]:
    with database(*KERNEL_SETS) as dsn:
        room = PromptRoom(dsn)
        yield room
        room.close()


def hints() -> Hints:
    return Hints({BOT: ACCOUNT}, LOG)


def openings(room: PromptRoom) -> list[Any]:
    return [content[OPENING]["opening"] for _, _, _, content in room.outbox()]


def test_the_same_cause_twice_says_nothing_twice(room: PromptRoom) -> None:
    for _ in range(2):
        sender = room.sender("the cause")
        first = sender.say(ROOM, WORDS, GROUND)
        sender.react(ROOM, first, "1️⃣", GROUND)
        sender.set_membership(ROOM, ALICE, "invite", GROUND)

    kinds = ["m.room.message", "m.reaction", "m.room.member"]
    assert [row[0] for row in room.outbox()] == kinds


def test_other_causes_say_other_things(room: PromptRoom) -> None:
    said = {room.sender(cause).say(ROOM, WORDS, GROUND) for cause in ("one", "two")}

    assert len(said) == 2
    assert len(room.outbox()) == 2


def test_one_cause_says_several_things(room: PromptRoom) -> None:
    sender = room.sender()

    assert sender.say(ROOM, WORDS, GROUND) != sender.say(ROOM, WORDS, GROUND)
    assert len(room.outbox()) == 2


def test_what_a_cause_makes_has_the_same_id_again() -> None:
    def made(cause: str) -> list[str]:
        sender = Sender(None, LOG, ACCOUNT, cause, NOW_MS)  # type: ignore[arg-type]  # not used
        return [sender.fresh_id("x"), sender.fresh_id("x"), sender.fresh_ulid("x")]

    assert made("one") == made("one")
    assert not set(made("one")) & set(made("two"))
    assert len(set(made("one"))) == 3


def test_everything_said_is_an_act_and_carries_its_opening(room: PromptRoom) -> None:
    ground = Ground(ALICE, "birth", "Act, section 1", "role:clerk", "01CASE")
    room.sender().say(ROOM, WORDS, ground, act=ActClass.DOC_ISSUED)

    [opening] = openings(room)
    wanted = {
        "act": "doc_issued",
        "agency": "lindenau",
        "purpose": "birth",
        "basis": "Act, section 1",
        "actor": "role:clerk",
        "case": "01CASE",
        "seq": 1,
        "subject": room.sender().pseudonym(ALICE),
    }
    assert {key: opening[key] for key in wanted} == wanted
    assert ALICE not in str(opening)
    assert check_chain(room.txn, "lindenau") == 1


@pytest.mark.parametrize(("membership", "act"), [("invite", "message"), ("leave", "restriction")])
def test_showing_somebody_out_is_a_restriction_with_a_reason(
    room: PromptRoom, membership: str, act: str
) -> None:
    ground = Ground(ALICE, "x", "y", why="The work is done.")
    room.sender().set_membership(ROOM, MALLORY, membership, ground)

    [opening] = openings(room)
    assert (opening["act"], opening["why"]) == (act, "The work is done.")


def a_hint(kind: HintKind, sender: Any = ALICE) -> Hint:
    return Hint(kind, ROOM, EventId("$unread"), sender, "ABCD EFGH")


def hinted(room: PromptRoom, hint: Hint) -> list[str]:
    hints().hint(room.txn, BOT, hint, NOW_MS)
    return [content["body"] for _, _, _, content in room.outbox()]


def test_a_person_is_told_that_a_message_was_not_read(room: PromptRoom) -> None:
    assert "could not read your last message" in hinted(room, a_hint(HintKind.SEND_AGAIN))[-1]


def test_a_person_is_told_it_once(room: PromptRoom) -> None:
    hinted(room, a_hint(HintKind.SEND_AGAIN))

    assert len(hinted(room, a_hint(HintKind.SEND_AGAIN))) == 1


def test_a_client_that_gives_no_keys_gets_the_fingerprint(room: PromptRoom) -> None:
    assert "ABCD EFGH" in hinted(room, a_hint(HintKind.CLIENT_REFUSES))[-1]


def test_keys_that_came_wake_the_room(room: PromptRoom) -> None:
    for event_id, session in (("$1", "session"), ("$2", "another")):
        room.txn.execute(
            "INSERT INTO runtime.inbox (room_id, event_id, bot, sender, event_type, source, state,"
            " wanted_session, waits_until_ms, received_at_ms)"
            " VALUES (%s, %s, %s, %s, 'm.room.encrypted', 0, %s, %s, %s, %s)",
            (ROOM, event_id, BOT, ALICE, int(State.WAITS), session, NOW_MS + 9, NOW_MS),
        )

    hints().wake(room.txn, BOT, ROOM, ["session"], NOW_MS)

    room.txn.execute("SELECT event_id FROM runtime.inbox WHERE state = %s", (int(State.NEW),))
    assert room.txn.fetchall() == [("$1",)]
    room.txn.execute("SELECT room_id, bot, next_at_ms FROM runtime.room_work")
    assert room.txn.fetchall() == [(ROOM, BOT, NOW_MS)]


def test_a_person_who_chose_nothing_has_the_default(room: PromptRoom) -> None:
    person = people.read(room.txn, ALICE, default_language="de")

    assert (person.language, person.has_chosen) == ("de", False)


def test_the_last_choice_of_a_language_counts(room: PromptRoom) -> None:
    for language in ("ru", "uk"):
        people.choose_language(room.txn, ALICE, language)

    person = people.read(room.txn, ALICE, default_language="de")
    assert (person.language, person.has_chosen) == ("uk", True)
    assert people.read(room.txn, MALLORY, default_language="de").language == "de"
