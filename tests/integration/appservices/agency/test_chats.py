"""Chats of persons with an office, before there is a case."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.agency.language.core.language import read_service
from appservices.agency.questions.service import QUESTIONS_MAX
from appservices.agency.workflow.service.steps import OPEN_CASES_MAX
from tests.integration.appservices.agency.town import (
    ALICE,
    BOB,
    BOT,
    CAROL,
    CHAT,
    EXAMPLE,
    START_MS,
    new_words,
    words_of,
)
from tests.support.hostile_events import hostile_contents
from veche.bots import CHATS_MAX, Chat, Chats
from veche.protocol.ids import RoomId, UserId
from veche.protocol.inbound import DeviceStanding, Trust
from veche.runtime.crypto.store import people as key_store
from veche.runtime.database import Cursor
from veche.runtime.matrix.client import MatrixError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.appservices.agency.town import Town
    from veche.protocol.inbound import Inbound

TRIES: Final = 40
STATEMENTS_MAX: Final = 26
"""Of the transaction that hears an answer, asks the next question and keeps the case."""
EVENTS_MAX: Final = 2
"""That an answer costs, after the first two questions of a chat."""
SECOND_CHAT = RoomId("!second:veche.test")


def test_a_person_who_begins_a_chat_is_welcomed_and_asked_for_the_language(town: Town) -> None:
    said = words_of(town.begin_chat())

    assert "I am its bot, a program" in said
    for question in ("Which language do you prefer?", "Welche Sprache", "На каком", "Якою мовою"):
        assert question in said
    assert town.host.client.calls[-1][1].startswith("/_matrix/client/v3/join/")


def test_the_greeting_and_the_first_question_are_one_message(town: Town) -> None:
    said = [one for one in town.begin_chat() if one.type == "m.room.message"]

    assert len(said) == 1
    assert "I am its bot, a program" in said[0].content["body"]
    assert "Which language do you prefer?" in said[0].content["body"]


@pytest.mark.parametrize(
    "standing", [DeviceStanding.UNKNOWN, DeviceStanding.UNSIGNED, DeviceStanding.LATE]
)
def test_a_device_that_reads_nothing_of_ours_answers_nothing(
    town: Town, standing: DeviceStanding
) -> None:
    town.submitted()
    town.press(town.question("claim"), CAROL, "claim")
    town.ask_person("Whose certificate is it?")
    room_id, before = town.case().room, town.sql("SELECT kept::text FROM agency.case_file")

    for words in ("It is mine", "withdraw", "human"):
        said = town.write(room_id, ALICE, words, standing=standing)
        assert len(said) == 1

    assert town.sql("SELECT kept::text FROM agency.case_file") == before
    assert "withdraw" not in town.open_topics()


@pytest.mark.parametrize(
    ("answer", "named"),
    [("English", "I speak English"), ("3", "Deutsch"), ("ru", "по-русски"), ("Укр", "українською")],
)
def test_the_language_is_kept_and_named_in_itself(town: Town, answer: str, named: str) -> None:
    town.begin_chat()

    said = words_of(town.write(CHAT, ALICE, answer))

    assert named in said
    assert town.open_topics() == ["menu"]


def test_a_person_with_a_language_gets_the_menu_at_once(town: Town) -> None:
    town.greeted()

    said = words_of(town.begin_chat(ALICE, SECOND_CHAT))

    assert "What do you need?" in said
    assert "Which language" not in said


@pytest.mark.parametrize("words", ["language de", "!language Deutsch", "/sprache deutsch"])
def test_the_language_can_be_changed_at_any_time(town: Town, words: str) -> None:
    town.greeted()

    assert "Deutsch mit Ihnen" in words_of(town.write(CHAT, ALICE, words))


@pytest.mark.parametrize("words", ["language", "language klingon"])
def test_a_language_that_is_none_is_asked_for(town: Town, words: str) -> None:
    town.greeted()

    assert "Which language" in words_of(town.write(CHAT, ALICE, words))
    assert town.open_topics() == ["language"]


def test_the_language_of_an_office_is_the_default(town: Town) -> None:
    town.opened(language="de")

    assert "Ich bin" in words_of(town.begin_chat())


@pytest.mark.parametrize("words", ["hello?", "menu", "Guten Tag!", "👋"])
def test_unknown_words_show_the_menu(town: Town, words: str) -> None:
    town.greeted()

    said = town.write(CHAT, ALICE, words)

    assert "1. Copy of a birth certificate" in words_of(said)
    assert town.open_topics() == ["menu"]


@pytest.mark.parametrize("words", ["brith certifcate", "Ich brauche eine Geburtsurkunde"])
def test_words_find_a_service_and_show_it_at_once(town: Town, words: str) -> None:
    town.greeted()

    said = words_of(town.write(CHAT, ALICE, words))

    assert "5 working days" in said
    assert town.open_topics() == ["start"]


def test_words_that_are_not_understood_get_suggestions_and_a_person_to_ask(town: Town) -> None:
    town.greeted()

    said = words_of(town.write(CHAT, ALICE, "My neighbour Kunibert is loud"))
    assert "I did not understand this" in said
    for choice in ("1. Copy of a birth certificate", "2. Talk to a person", "3. All services"):
        assert choice in said
    assert town.sql("SELECT 1 FROM runtime.prompt WHERE purpose::text LIKE %s", "%Kunibert%") == []

    passed = town.write(CHAT, ALICE, "2")
    assert "I have passed this on" in words_of(passed)
    [question] = [one for one in passed if "Kunibert" in one.body]
    assert question.room_id == town.desk()
    assert ALICE not in question.body


def test_a_question_from_a_chat_is_answered_by_whoever_works_at_the_desk(town: Town) -> None:
    town.greeted()
    [asked] = [one for one in town.write(CHAT, ALICE, "!human When are you open?") if one.prompt]

    said = town.write(town.desk(), CAROL, "Until six.", to=asked)

    [told] = [one for one in said if one.room_id == CHAT]
    assert told.body == "Records Office: Until six."
    assert "question" not in town.open_topics()


def test_an_answer_to_a_chat_is_sent_whole_and_privately_or_not_at_all(town: Town) -> None:
    town.greeted()
    [asked] = [one for one in town.write(CHAT, ALICE, "!human When are you open?") if one.prompt]

    said = town.write(town.desk(), CAROL, "long " * 401, to=asked)
    assert "This is too long" in words_of(said)
    town.seat(CHAT, BOB, is_encrypted=True)
    said += town.write(town.desk(), CAROL, "Until six.", to=asked)

    assert "The chat is not private any more" in words_of(said)
    assert not [one for one in said if one.room_id == CHAT and "Until six" in one.body]
    assert "question" in town.open_topics()


@pytest.mark.parametrize("words", ["!human " + "long " * 401, "zeppelin " * 300])
def test_a_question_that_is_too_long_is_refused_and_never_cut(town: Town, words: str) -> None:
    town.greeted()

    town.write(CHAT, ALICE, words)
    said = town.write(CHAT, ALICE, "Talk to a person")

    assert not [one for one in said if one.room_id == town.desk()]
    assert "This is too long" in words_of(said)


def test_a_person_is_asked_for_in_the_chat_after_a_case_is_over(town: Town) -> None:
    town.greeted()
    town.write(CHAT, ALICE, "!start birth certificate")
    town.write(CHAT, ALICE, "cancel")

    assert "passed this on" in words_of(town.write(CHAT, ALICE, "!human When are you open?"))


def test_questions_from_one_chat_are_bounded(town: Town) -> None:
    town.greeted()
    for number in range(QUESTIONS_MAX):
        assert "passed this on" in words_of(town.write(CHAT, ALICE, f"!human Question {number}?"))

    said = town.write(CHAT, ALICE, "!human One more?")

    assert "I cannot pass this on now" in words_of(said)
    assert not [one for one in said if one.room_id == town.desk()]


def test_who_asks_for_a_person_without_a_question_is_told_how(town: Town) -> None:
    town.greeted()

    assert "!human When will it be ready?" in words_of(town.write(CHAT, ALICE, "human"))


def test_more_after_help_shows_everything(town: Town) -> None:
    town.greeted()

    for words in ("help more", "more"):
        assert "withdraw" in words_of(town.write(CHAT, ALICE, words))


def test_words_before_the_language_is_chosen_show_the_menu(town: Town) -> None:
    town.begin_chat()

    assert "What do you need?" in words_of(town.write(CHAT, ALICE, "hello?"))
    assert town.open_topics() == ["menu"]


def test_help_tells_what_can_be_written(town: Town) -> None:
    town.greeted()

    said = words_of(town.write(CHAT, ALICE, "help"))

    for word in ("status", "menu", "language", "cancel", "human"):
        assert word in said


def test_cancel_without_a_form_says_that_nothing_was_begun(town: Town) -> None:
    town.greeted()

    assert "nothing is cancelled" in words_of(town.write(CHAT, ALICE, "cancel"))


def test_a_service_is_explained_before_it_starts(town: Town) -> None:
    town.greeted()

    said = words_of(town.write(CHAT, ALICE, "1"))

    assert "5 working days" in said
    assert "Name of the child" in said
    assert town.open_topics() == ["start"]
    assert town.sql("SELECT 1 FROM agency.case_file") == []


def test_from_the_introduction_one_can_go_back(town: Town) -> None:
    town.greeted()
    town.write(CHAT, ALICE, "1")

    town.write(CHAT, ALICE, "Back to the menu")

    assert town.open_topics() == ["menu"]


@pytest.mark.parametrize("key", ["1️⃣", "1⃣"])
def test_the_menu_can_be_tapped(town: Town, key: str) -> None:
    town.greeted()

    town.react(town.question("menu"), ALICE, key)

    assert town.open_topics() == ["start"]


def test_other_reactions_are_left_alone(town: Town) -> None:
    town.greeted()

    assert town.react(town.question("menu"), ALICE, "👍") == []
    assert town.react(town.said[0], ALICE, "1️⃣") == []


def test_a_menu_of_many_services_has_pages(town: Town) -> None:
    files = [town.service_file(f"s{n}", title={"en": f"Service {n}x"}) for n in range(12)]
    town.opened(
        services=files,
        staff=[
            {
                "id": "carol",
                "user": CAROL,
                "role": "clerk",
                "desks": ["parking"],
                "duties": ["head-of-office"],
            }
        ],
    )
    town.greeted()

    second = words_of(town.write(CHAT, ALICE, "More services"))

    assert "Service 9x" in second
    assert "Service 8x" not in second
    assert "Service 0x" in words_of(town.write(CHAT, ALICE, "More services"))


def test_a_service_that_is_no_longer_offered_cannot_be_picked(town: Town) -> None:
    town.opened(services=[EXAMPLE, other_service(town)], staff=parking_staff())
    town.greeted()
    menu = town.question("menu")
    town.opened(staff=parking_staff())

    said = words_of(town.press(menu, ALICE, "parking"))

    assert "no longer offered" in said
    assert "1. Copy of a birth certificate" in said


def test_a_service_that_ended_meanwhile_cannot_be_started(town: Town) -> None:
    town.opened(services=[EXAMPLE, other_service(town)], staff=parking_staff())
    town.greeted()
    town.write(CHAT, ALICE, "2")
    start = town.question("start")
    town.opened(staff=parking_staff())

    town.press(start, ALICE, "start")

    assert town.sql("SELECT 1 FROM agency.case_file") == []
    assert town.open_topics() == ["menu"]


def other_service(town: Town) -> Any:
    return town.service_file("parking")


def parking_staff() -> list[dict[str, Any]]:
    desks = ["archive", "parking"]
    duties = ["head-of-office"]
    return [{"id": "carol", "user": CAROL, "role": "clerk", "desks": desks, "duties": duties}]


def test_an_old_menu_gives_way_to_a_newer_one(town: Town) -> None:
    town.greeted()
    old = town.question("menu")
    town.write(CHAT, ALICE, "menu")

    said = words_of(town.press(old, ALICE, "birth-certificate-copy"))

    assert said
    assert town.open_topics() == ["menu"]


# Where others read along.


def test_in_a_plain_room_nothing_is_asked_and_nothing_stored(town: Town) -> None:
    said = words_of(town.begin_chat(is_encrypted=False))

    assert "not encrypted" in said
    assert "Copy of a birth certificate" in said
    assert town.open_topics() == []


def test_in_a_plain_room_every_word_is_answered_so(town: Town) -> None:
    town.begin_chat(is_encrypted=False)

    for words in ("English", "1", "menu", "language de", "status"):
        said = town.write(CHAT, ALICE, words, trust=Trust.ANY)
        assert "not encrypted" in words_of(said)
        assert len(said) == 1
    assert town.sql("SELECT 1 FROM runtime.person") == []


def test_a_plain_room_that_becomes_encrypted_begins_anew(town: Town) -> None:
    town.begin_chat(is_encrypted=False)
    town.seat(CHAT, ALICE, is_encrypted=True)

    assert "Which language" in words_of(town.write(CHAT, ALICE, "hello"))


def test_reactions_in_a_plain_room_are_left_alone(town: Town) -> None:
    [*_, last] = town.begin_chat(is_encrypted=False)

    assert town.react(last, ALICE, "1️⃣") == []


@pytest.mark.parametrize("membership", ["join", "invite"])
def test_where_others_are_nothing_is_asked(town: Town, membership: str) -> None:
    town.seat(CHAT, BOB, membership)

    said = words_of(town.begin_chat())

    assert "Others are in this room" in said
    assert town.open_topics() == []


def test_once_the_others_left_it_begins_anew(town: Town) -> None:
    town.begin_chat(others=[BOB])
    town.move(CHAT, BOB, "leave")

    assert "Which language" in words_of(town.write(CHAT, ALICE, "hello"))


def test_a_form_is_not_filled_in_before_others(town: Town) -> None:
    town.started()
    town.seat(CHAT, BOB)

    said = words_of(town.write(CHAT, ALICE, "Anna Weber"))

    assert "Others are in this room" in said
    town.seat(CHAT, BOB, "leave")
    assert "2 of 4" in words_of(town.write(CHAT, ALICE, "Anna Weber"))


def test_others_in_a_chat_are_not_heard(town: Town) -> None:
    town.greeted()
    town.seat(CHAT, BOB)

    assert town.write(CHAT, BOB, "1") == []
    assert town.press(town.question("menu"), BOB, "birth-certificate-copy") == []


def test_a_message_in_clear_in_an_encrypted_room_does_not_count(town: Town) -> None:
    town.greeted()

    said = words_of(town.write(CHAT, ALICE, "1", trust=Trust.ANY))

    assert "came without encryption" in said
    assert town.open_topics() == ["menu"]


def test_a_vote_in_clear_does_not_count(town: Town) -> None:
    town.greeted()
    menu = town.question("menu")
    content = {
        "m.relates_to": {"rel_type": "m.reference", "event_id": menu.event_id},
        "m.selections": ["birth-certificate-copy"],
    }

    town.hear(CHAT, ALICE, content, kind="m.poll.response", trust=Trust.ANY)

    assert town.open_topics() == ["menu"]


def test_bots_are_not_answered(town: Town) -> None:
    """Or two would talk with one another for ever."""
    town.greeted()

    assert town.hear(CHAT, ALICE, {"msgtype": "m.notice", "body": "hello"}) == []


def test_an_edit_changes_nothing(town: Town) -> None:
    town.greeted()
    relates = {"rel_type": "m.replace", "event_id": "$in2"}
    content = {"msgtype": "m.text", "body": "* 1", "m.relates_to": relates}

    said = words_of(town.hear(CHAT, ALICE, content))

    assert "write it anew" in said
    assert town.open_topics() == ["menu"]


@pytest.mark.parametrize(
    ("kind", "state_key"),
    [("m.room.topic", ""), ("m.room.message", ""), ("m.call.invite", None), ("m.sticker", None)],
)
def test_what_is_no_word_is_left_alone(town: Town, kind: str, state_key: str | None) -> None:
    town.greeted()

    assert town.hear(CHAT, ALICE, {"body": "1"}, kind=kind, state_key=state_key) == []


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"msgtype": "m.text"},
        {"msgtype": "m.text", "body": 7},
        {"msgtype": 7, "body": "x"},
        {"msgtype": "m.text", "body": "", "m.relates_to": 7},
        {"msgtype": "m.text", "body": "\0\ud800"},
        {"msgtype": "m.text", "body": "x" * 60_000},
        {"msgtype": "m.file"},
    ],
)
def test_odd_messages_harm_nothing(town: Town, content: dict[str, Any]) -> None:
    town.greeted()

    town.hear(CHAT, ALICE, content)

    assert town.open_topics() == ["menu"]


def test_in_a_room_that_is_no_chat_nothing_is_said(town: Town) -> None:
    assert town.write(RoomId("!unknown:veche.test"), ALICE, "hello") == []


# Several chats, and coming and going.


def test_a_person_may_have_several_chats(town: Town) -> None:
    town.started()
    town.begin_chat(ALICE, SECOND_CHAT)

    town.write(SECOND_CHAT, ALICE, "1")
    town.write(SECOND_CHAT, ALICE, "Start")

    assert "2 of 4" in words_of(town.write(CHAT, ALICE, "Anna Weber"), CHAT)
    assert "2 of 4" in words_of(town.write(SECOND_CHAT, ALICE, "Ben Weber"), SECOND_CHAT)
    answers = town.sql("SELECT kept->'form'->'values'->>'child_name' FROM agency.case_file")
    assert {answer for (answer,) in answers} == {"Anna Weber", "Ben Weber"}


def test_whoever_invites_the_bot_into_an_old_chat_takes_it_over(town: Town) -> None:
    town.started()
    town.move(CHAT, BOT, "leave")
    town.seat(CHAT, ALICE, "leave")

    said = words_of(town.begin_chat(BOB))

    assert "Which language" in said
    town.write(CHAT, BOB, "English")
    assert "What do you need?" in words_of(town.write(CHAT, BOB, "status x"))
    assert "no open cases" in words_of(town.write(CHAT, BOB, "status"))


def test_a_person_who_invites_the_bot_again_goes_on(town: Town) -> None:
    town.started()
    town.move(CHAT, BOT, "leave", by=ALICE)

    said = words_of(town.begin_chat())

    assert "I am its bot" in said
    assert "2 of 4" in words_of(town.write(CHAT, ALICE, "Anna Weber"))


def test_the_same_invitation_twice_welcomes_once(town: Town) -> None:
    town.greeted()

    assert "I am its bot" not in words_of(town.begin_chat())


def test_an_invitation_that_was_taken_back_is_forgotten(town: Town) -> None:
    town.host.client.error = MatrixError(403, {"errcode": "M_FORBIDDEN"})

    assert town.begin_chat() == []
    assert town.next_job() is None


def test_invitations_of_others_mean_nothing(town: Town) -> None:
    assert town.move(CHAT, BOB, "invite", by=ALICE) == []
    assert town.sql("SELECT 1 FROM agency.chat") == []


# Very many cases.


def test_status_lists_where_each_case_stands(town: Town) -> None:
    town.submitted()
    case = town.case()

    said = words_of(town.write(CHAT, ALICE, "status"))

    assert case.id[-8:] in said
    assert f"https://matrix.to/#/{case.room}" in said
    assert "waits for the office" in said


def test_without_cases_status_says_so(town: Town) -> None:
    town.greeted()

    assert "no open cases" in words_of(town.write(CHAT, ALICE, "status"))


def test_very_many_open_cases_are_bounded(town: Town) -> None:
    town.greeted()
    for _ in range(OPEN_CASES_MAX):
        town.write(CHAT, ALICE, "!menu")
        town.press(town.question("menu"), ALICE, "birth-certificate-copy")
        town.press(town.question("start"), ALICE, "start")
    assert len(town.sql("SELECT 1 FROM agency.case_file")) == OPEN_CASES_MAX

    town.write(CHAT, ALICE, "!menu")
    town.press(town.question("menu"), ALICE, "birth-certificate-copy")
    said = words_of(town.press(town.question("start"), ALICE, "start"))

    assert f"You have {OPEN_CASES_MAX} open cases" in said
    assert len(town.sql("SELECT 1 FROM agency.case_file")) == OPEN_CASES_MAX


def test_the_first_case_pins_the_persons_identity(town: Town) -> None:
    town.greeted()
    town.run(key_store.mark_outdated, [ALICE])
    town.sql("UPDATE crypto.person SET master_key = 'first' WHERE user_id = %s", ALICE)
    assert town.sql("SELECT master_pinned FROM crypto.person") == [(None,)]

    town.write(CHAT, ALICE, "1")
    town.write(CHAT, ALICE, "Start")
    town.sql("UPDATE crypto.person SET master_key = 'second' WHERE user_id = %s", ALICE)
    town.write(CHAT, ALICE, "!menu")
    town.press(town.question("menu"), ALICE, "birth-certificate-copy")
    town.press(town.question("start"), ALICE, "start")

    [(pinned, at_ms)] = town.sql("SELECT master_pinned, pinned_at_ms FROM crypto.person")
    assert pinned == "first"
    assert at_ms >= START_MS


def test_everything_said_in_a_chat_is_an_act_on_the_person(town: Town) -> None:
    town.greeted()
    subject = town.host.act_log.pseudonym("lindenau", ALICE)

    in_chat = [one for one in town.said if one.room_id == CHAT]
    acts = [one.opening["opening"] for one in in_chat]
    assert {act["subject"] for act in acts} == {subject}
    assert [act["seq"] for act in acts] == list(range(1, len(acts) + 1))
    assert {act["basis"] for act in acts} == {"request of the person"}
    assert ALICE not in str(acts)
    assert new_words(in_chat)


def test_whoever_is_brought_into_a_chat_is_told_of_at_once(town: Town) -> None:
    town.greeted()

    said = words_of(town.move(CHAT, BOB, "invite", by=ALICE))

    assert "Others are in this room. Here I only tell what there is" in said


# Very many chats.


def calls_of(town: Town, action: str) -> list[tuple[str, Any]]:
    """Rooms that the office was to go into (``join``) or out of (``leave``), and the reason."""
    return [
        (path, body.get("reason"))
        for _, path, body in town.host.client.calls
        if f"/{action}" in path
    ]


def test_one_person_has_the_office_in_few_chats_and_is_told_why(town: Town) -> None:
    for number in range(CHATS_MAX):
        town.begin_chat(room_id=RoomId(f"!chat{number}:veche.test"))
    assert len(calls_of(town, "join")) == CHATS_MAX
    assert calls_of(town, "leave") == []

    for number in range(3):
        town.begin_chat(room_id=RoomId(f"!more{number}:veche.test"))

    assert len(calls_of(town, "join")) == CHATS_MAX
    refused = calls_of(town, "leave")
    assert len(refused) == 3
    assert all(f"You have {CHATS_MAX} chats with me already" in why for _, why in refused)
    assert len(town.sql("SELECT 1 FROM agency.chat")) == CHATS_MAX
    # Another person is not hindered.
    assert "I am its bot" in words_of(town.begin_chat(BOB, RoomId("!bob:veche.test")))


def test_the_office_leaves_chats_that_the_person_left_so_they_come_back_always(
    town: Town,
) -> None:
    for number in range(CHATS_MAX + 3):
        room_id = RoomId(f"!chat{number}:veche.test")
        assert "I am its bot" in words_of(town.begin_chat(room_id=room_id))
        town.move(room_id, ALICE, "leave")

    assert len(calls_of(town, "leave")) >= CHATS_MAX
    assert {why for _, why in calls_of(town, "leave")} == {None}


def test_one_room_can_be_a_chat_with_several_offices(town: Town) -> None:
    other = UserId("@veche_org_lindenau_parks:veche.test")
    ours, theirs = Chats("agency", BOT), Chats("agency", other)

    def work(txn: Cursor) -> tuple[Any, ...]:
        ours.keep(txn, CHAT, ALICE, 2)
        ours.keep(txn, SECOND_CHAT, ALICE, 1)
        theirs.keep(txn, CHAT, BOB, 3)
        theirs.set_greeted(txn, CHAT)
        ours.keep(txn, CHAT, BOB, 4)
        theirs.drop(txn, SECOND_CHAT)
        return ours.of(txn, ALICE), ours.of(txn, BOB), theirs.of(txn, BOB), theirs.read(txn, CHAT)

    known, none, of_bob, chat = town.run(work)

    assert known == [Chat(CHAT, ALICE, False), Chat(SECOND_CHAT, ALICE, False)]
    assert none == []
    assert of_bob == [chat] == [Chat(CHAT, BOB, True)]


def test_an_answer_in_a_form_takes_few_statements(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.started()
    for words in ("Anna Weber", "12 March 2020"):
        town.write(CHAT, ALICE, words)
    counted: list[str] = []
    execute, receive = Cursor.execute, town.agency.receive

    def counting(self: Cursor, query: str, values: Any = None) -> None:
        counted.append(query)
        execute(self, query, values)

    def receiving(txn: Cursor, inbound: Inbound) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Cursor, "execute", counting)
            receive(txn, inbound)

    monkeypatch.setattr(town.agency, "receive", receiving)
    said = new_words(town.write(CHAT, ALICE, "1"))

    assert "What is it for" not in said
    assert 0 < len(counted) <= STATEMENTS_MAX, "\n".join(counted)


@pytest.mark.parametrize("where", ["chat", "case", "desk"])
def test_no_event_whatever_fails(town: Town, where: str) -> None:
    town.submitted()
    chance = random.Random(5)  # noqa: S311 -- no secret
    room_id = {"chat": CHAT, "case": town.case().room, "desk": town.desk()}[where]
    sender = CAROL if where == "desk" else ALICE
    prompt = [one for one in town.said if "org.veche.prompt" in one.content][-1]

    for kind, content in hostile_contents(prompt.event_id, prompt.prompt["id"], chance, TRIES):
        town.hear(room_id, sender, content, kind=kind)
        town.hear(room_id, sender, content, kind=kind, trust=Trust.ANY)


FIELDS: Final[dict[str, dict[str, str]]] = {
    "birth-certificate-copy": {
        "person_name": "Anna Weber",
        "date": "12 March 2020",
        "choice": "Travel",
        "photo": "skip",
    },
    "change-of-address": {
        "person_name": "Anna Weber",
        "address": "Sternweg 5, 12345 Lindenau",
        "date": "1 March 2025",
        "integer": "2",
    },
    "garden-plot-lease": {"person_name": "Anna Weber", "integer": "12"},
    "land-register-extract": {"text": "12/3", "choice": "It is mine"},
}
"""An answer to each kind of question that the demo's services ask, in their order."""


@pytest.mark.parametrize("service", FIELDS)
def test_an_answer_costs_two_events_at_most(town: Town, tmp_path: Path, service: str) -> None:
    """The edit that closes a question, and the next question; no numbers below it."""
    key = tmp_path / "key"
    key.write_text("secret\n")
    key.chmod(0o600)
    town.host.have_pages()
    paid = {"url": "http://127.0.0.1:1", "key_path": str(key)}
    path = EXAMPLE.with_name(f"{service}.yaml")
    town.opened(services=[path], payments=paid, seal=paid)
    town.greeted()
    definition = read_service(path.read_text())
    assert [one.kind.value for one in definition.fields] == list(FIELDS[service])

    costs = [len(town.write(CHAT, ALICE, words)) for words in ("1", "Start")]
    costs += [len(town.write(CHAT, ALICE, words)) for words in FIELDS[service].values()]
    costs += [len(town.write(CHAT, ALICE, "help")), len(town.write(CHAT, ALICE, "status"))]

    assert max(costs) <= EVENTS_MAX, costs
    assert min(costs) > 0
