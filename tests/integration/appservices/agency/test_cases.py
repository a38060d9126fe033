"""Cases as the person meets them: the form in the chat, then the room of the case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from appservices.agency.cases.core.states import State
from tests.integration.appservices.agency.town import (
    ALICE,
    BOB,
    BOT,
    CAROL,
    CHAT,
    EXAMPLE,
    dumped,
    new_words,
    words_of,
)
from veche.protocol.inbound import Trust

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.appservices.agency.town import Town


def fill(town: Town, *answers: str) -> str:
    """Answer the form's questions in words; all that was said."""
    return "\n".join(words_of(town.write(CHAT, ALICE, answer)) for answer in answers)


def answers_of(town: Town) -> Any:
    [(answers,)] = town.sql("SELECT kept->'answers' FROM agency.case_file")
    return answers


# The form.


def test_a_form_is_filled_in_by_words(town: Town) -> None:
    town.started()

    said = fill(town, "Anna Weber", "12 March 2020", "Travel", "skip", "submit")

    assert "Please check your answers" in said
    assert "We have it" in said
    answers = {"child_name": "Anna Weber", "born_on": "2020-03-12", "reason": "travel"}
    assert answers_of(town) == answers


def test_what_is_wrong_is_said_and_asked_again(town: Town) -> None:
    town.started()
    fill(town, "Anna Weber")

    said = fill(town, "31 February 2020")

    assert "2 of 4" in said
    assert "3 of 4" in fill(town, "12 March 2020")


def test_a_choice_can_be_pressed(town: Town) -> None:
    town.started()
    fill(town, "Anna Weber", "12 March 2020")

    said = words_of(town.press(town.question("form"), ALICE, "travel"))

    assert "4 of 4" in said


def test_a_choice_can_be_tapped(town: Town) -> None:
    town.started()
    fill(town, "Anna Weber", "12 March 2020")

    said = words_of(town.react(town.question("form"), ALICE, "2️⃣"))

    assert "4 of 4" in said


def test_a_whole_form_can_be_sent_at_once(town: Town) -> None:
    town.started()
    question = town.question("form")
    data = {"child_name": "Anna Weber", "born_on": "2020-03-12", "reason": "travel"}
    content = {
        "msgtype": "m.text",
        "body": "filled in",
        "org.veche.answer": {"v": 1, "prompt": question.prompt["id"], "data": data},
        "m.relates_to": {"rel_type": "m.reference", "event_id": question.event_id},
    }

    said = words_of(town.hear(CHAT, ALICE, content))

    assert "We have it" in said
    assert answers_of(town) == data


def test_a_photo_answers_the_field_that_asks_for_one(town: Town) -> None:
    town.started()
    fill(town, "Anna Weber", "12 March 2020", "Travel")

    said = words_of(town.hear(CHAT, ALICE, town.attached()))

    assert "Please check your answers" in said
    assert "old.jpg" in said


def test_a_file_that_nobody_asked_for_is_added(town: Town) -> None:
    town.started()

    said = words_of(town.hear(CHAT, ALICE, town.attached(msgtype="m.file")))

    assert "The file is added to your case: old.jpg" in said


def test_one_can_go_back_in_a_form(town: Town) -> None:
    town.started()
    fill(town, "Anna Weber")

    assert "1 of 4" in fill(town, "back")
    fill(town, "Ben Weber", "12 March 2020", "Travel", "skip", "submit")

    assert answers_of(town)["child_name"] == "Ben Weber"


@pytest.mark.parametrize("words", ["cancel", "!cancel", "/cancel"])
def test_cancel_in_a_form_ends_it(town: Town, words: str) -> None:
    town.started()
    fill(town, "Anna Weber")

    fill(town, words)

    assert town.case().state == State.WITHDRAWN.value
    assert "What do you need?" in fill(town, "hello")


def test_commands_in_a_form_do_not_answer_it(town: Town) -> None:
    town.started()

    said = fill(town, "help")
    assert "You can write at any time" in said
    assert "• status: " in said
    assert "1 of 4" in said
    assert "2 of 4" in fill(town, "Anna Weber")


@pytest.mark.parametrize("word", ["status", "Page.", "why", "human", "export", "Sign out"])
def test_the_word_of_a_command_is_no_answer_and_the_question_is_asked_again(
    town: Town, word: str
) -> None:
    town.host.have_pages()
    town.started()

    said = fill(town, word)

    assert "1 of 4" in said
    assert f'put it in quotation marks: "{word.casefold().rstrip(".")}"' in said
    assert "form" in town.open_topics()
    assert "2 of 4" in fill(town, "Anna Weber", "12 March 2020", "back")


def test_the_app_that_asks_for_a_link_by_itself_interrupts_no_form(town: Town) -> None:
    town.host.have_pages()
    town.started()
    asked = {"msgtype": "m.text", "body": "page", "org.veche.sign_in": {"v": 1}}

    said = town.hear(CHAT, ALICE, asked)

    assert ["org.veche.sign_in" in one.content for one in said] == [True]
    assert "2 of 4" in fill(town, "Anna Weber")


def test_a_word_in_quotation_marks_is_the_answer(town: Town) -> None:
    town.started()
    fill(town, "„Status“", "12 March 2020", "Travel", "skip", "submit")

    assert answers_of(town)["child_name"] == "Status"


def test_more_than_the_word_of_a_command_is_an_answer(town: Town) -> None:
    town.started()

    assert "2 of 4" in fill(town, "Human Resources")


def test_taking_a_case_back_in_a_form_asks_for_that_alone(town: Town) -> None:
    town.started()

    fill(town, "withdraw")

    assert town.open_topics()[-1] == "withdraw"
    assert town.case().state == State.DRAFT.value


def test_with_a_mark_every_command_works_in_a_form(town: Town) -> None:
    town.started()

    assert "being filled in" in fill(town, "!status").lower()
    assert "2 of 4" in fill(town, "Anna Weber")


def test_the_language_can_be_changed_in_a_form(town: Town) -> None:
    town.started()

    said = fill(town, "language de")

    assert "Deutsch mit Ihnen" in said
    assert "2 von 4" in fill(town, "Anna Weber")


def test_another_service_can_be_begun_while_a_form_waits(town: Town) -> None:
    town.started()
    town.write(CHAT, ALICE, "menu")
    town.press(town.question("menu"), ALICE, "birth-certificate-copy")
    town.press(town.question("start"), ALICE, "start")

    fill(town, "Ben Weber")

    assert len(town.sql("SELECT 1 FROM agency.case_file")) == 2
    [(newest,)] = town.sql(
        "SELECT kept->'form'->'values'->>'child_name' FROM agency.case_file"
        " ORDER BY opened_at_ms DESC LIMIT 1"
    )
    assert newest == "Ben Weber"


def test_an_edit_does_not_answer_a_form(town: Town) -> None:
    town.started()
    relates = {"rel_type": "m.replace", "event_id": "$in4"}
    content = {"msgtype": "m.text", "body": "* Anna Weber", "m.relates_to": relates}

    said = words_of(town.hear(CHAT, ALICE, content))

    assert "write it anew" in said
    assert "2 of 4" not in said


def test_a_reply_answers_without_what_it_quotes(town: Town) -> None:
    town.started()
    question = town.question("form")

    town.write(CHAT, ALICE, "> <@bot> 1 of 4\n> Name\n\nAnna Weber", to=question)
    fill(town, "12 March 2020", "Travel", "skip", "submit")

    assert answers_of(town)["child_name"] == "Anna Weber"


def test_words_that_fit_an_old_question_answer_the_form(town: Town) -> None:
    """ "Start" was the answer to a prompt that is closed; here it is a name."""
    town.started()

    assert "2 of 4" in fill(town, "Start")


def test_a_submission_in_clear_does_not_count(town: Town) -> None:
    town.started()
    fill(town, "Anna Weber", "12 March 2020", "Travel", "skip")

    said = words_of(town.write(CHAT, ALICE, "submit", trust=Trust.ANY))

    assert "came without encryption" in said
    assert town.case().state == State.DRAFT.value


def test_a_submission_from_a_device_that_is_not_confirmed_may_be_refused(town: Town) -> None:
    path = town.service_file("birth", who={"min_trust": "verified"})
    town.opened(services=[path], staff=parking_staff())
    town.started()
    fill(town, "B-AB 123", "North")

    refused = words_of(town.write(CHAT, ALICE, "submit", trust=Trust.E2EE))

    assert town.case().state == State.DRAFT.value
    assert refused
    fill(town, "submit")
    assert town.case().state == State.SUBMITTED.value


def parking_staff() -> list[dict[str, Any]]:
    duties = ["head-of-office"]
    return [{"id": "carol", "user": CAROL, "role": "clerk", "desks": ["parking"], "duties": duties}]


# The room of the case.


def test_the_case_gets_a_room_with_the_person(town: Town) -> None:
    town.submitted()
    case = town.case()

    creations = [body for _, path, body in town.host.client.calls if path.endswith("createRoom")]
    state = {(e["type"], e["state_key"]): e["content"] for e in creations[-1]["initial_state"]}
    assert state["m.room.encryption", ""]["algorithm"] == "m.megolm.v1.aes-sha2"
    allow = [{"type": "m.room_membership", "room_id": CHAT}]
    assert state["m.room.join_rules", ""] == {"join_rule": "restricted", "allow": allow}
    invited = [s for s in town.said if s.type == "m.room.member" and s.room_id == case.room]
    assert [one.state_key for one in invited] == [ALICE]


def test_the_room_shows_the_card_of_the_case(town: Town) -> None:
    town.submitted()
    case = town.case()

    cards = [one for one in town.said if "org.veche.case" in one.content]
    assert cards[-1].room_id == case.room
    assert cards[-1].content["org.veche.case"]["state"] == "submitted"
    assert not cards[-1].is_edit


def test_the_card_is_edited_in_place(town: Town) -> None:
    town.claimed()
    room = town.case().room

    cards = [
        one
        for one in town.said
        if one.room_id == room and "org.veche.case" in one.content.get("m.new_content", one.content)
    ]
    assert [one.is_edit for one in cards] == [False, True]
    assert cards[1].relation == ["m.replace", cards[0].effect, None]


def test_the_name_of_a_room_tells_nothing_of_the_matter(town: Town) -> None:
    town.submitted()

    names = [
        event["content"]["name"]
        for _, path, body in town.host.client.calls
        if path.endswith("createRoom")
        for event in body["initial_state"]
        if event["type"] == "m.room.name"
    ]
    assert names[-1] == f"Records Office · {town.case().id[-8:]}"


def test_in_the_room_words_without_a_question_are_passed_on_if_the_person_says_so(
    town: Town,
) -> None:
    town.submitted()
    room = town.case().room

    town.write(room, ALICE, "When will it be ready?")
    assert "Shall I pass this on to the clerk?" in words_of(town.write(room, ALICE, "Soon?"))
    assert "A human being answers you here" in words_of(town.write(room, ALICE, "Yes, pass it on"))

    asked = [one for one in town.said if one.room_id == town.desk() and "Soon?" in one.body]
    assert "When will it be ready?\nSoon?" in asked[-1].body


def test_words_in_the_room_wait_for_the_answer_to_the_last_question(town: Town) -> None:
    town.submitted()
    room = town.case().room
    town.write(room, ALICE, "!human When?")

    said = words_of(town.write(room, ALICE, "Hurry up please"))

    assert "I did not pass this on" in said
    assert "A human being answers you here by" in said


def test_words_in_the_room_that_are_too_long_are_refused_and_never_cut(town: Town) -> None:
    town.submitted()
    room = town.case().room

    assert "This is too long" in words_of(town.write(room, ALICE, "long " * 401))
    town.write(room, ALICE, "long " * 399)
    assert "This is too long" in words_of(town.write(room, ALICE, "and more"))


def test_words_in_the_room_are_not_passed_on_after_a_no(town: Town) -> None:
    town.submitted()
    room = town.case().room

    town.write(room, ALICE, "It is for my sister Ilse")
    said = town.write(room, ALICE, "no")

    assert not [one for one in said if one.room_id == town.desk()]
    assert town.sql("SELECT 1 FROM runtime.prompt WHERE purpose::text LIKE %s", "%Ilse%") == []


def test_words_that_no_text_may_hold_do_not_stop_a_case(town: Town) -> None:
    town.submitted()

    said = words_of(town.write(town.case().room, ALICE, "!human \ud800 When\x00?"))

    assert "A human being answers you" in said


def test_words_in_the_room_of_a_closed_case_are_not_passed_on(town: Town) -> None:
    town.submitted()
    room = town.case().room
    town.write(room, ALICE, "withdraw")
    town.write(room, ALICE, "1")

    said = words_of(town.write(room, ALICE, "When will it be ready?"))

    assert "This case is closed" in said
    assert "help more" in said


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("status", "waits for the office"),
        ("why", "Civil Status Act"),
        ("human When?", "A human being answers you"),
        ("!withdraw", "Withdraw"),
        ("help", "You can write at any time"),
        ("menu", "What do you need?"),
        ("cancel", "nothing is cancelled"),
    ],
)
def test_commands_work_in_the_room(town: Town, command: str, answer: str) -> None:
    town.submitted()
    room = town.case().room

    assert answer in words_of(town.write(room, ALICE, command), room)


def test_a_case_is_withdrawn_after_a_question(town: Town) -> None:
    town.submitted()
    room = town.case().room
    town.write(room, ALICE, "withdraw")
    question = town.question("withdraw")

    said = town.press(question, ALICE, "withdraw")

    assert town.case().state == State.WITHDRAWN.value
    assert "This case is closed" in words_of(said, town.desk())
    assert "claim" not in town.open_topics()


def test_a_withdrawal_can_be_thought_over(town: Town) -> None:
    town.submitted()
    town.write(town.case().room, ALICE, "withdraw")

    town.press(town.question("withdraw"), ALICE, "keep")

    assert town.case().state == State.SUBMITTED.value
    assert "withdraw" not in town.open_topics()


def test_a_withdrawal_cannot_be_tapped(town: Town) -> None:
    """Reactions travel in clear: the homeserver could place one."""
    town.submitted()
    town.write(town.case().room, ALICE, "withdraw")

    town.react(town.question("withdraw"), ALICE, "1️⃣")

    assert town.case().state == State.SUBMITTED.value


def test_others_in_the_room_are_not_heard(town: Town) -> None:
    town.submitted()
    room = town.case().room
    town.write(room, ALICE, "withdraw")

    assert town.write(room, BOB, "withdraw") == []
    assert town.press(town.question("withdraw"), BOB, "withdraw") == []
    assert town.write(room, CAROL, "hello, this is Carol") == []


def test_the_desk_asks_and_the_person_answers(town: Town) -> None:
    town.claimed()
    room = town.case().room
    town.ask_person("Which hospital?")
    assert "Which hospital?" in words_of(town.said, room)

    said = town.write(room, ALICE, "St. Mary")

    assert "St. Mary" in words_of(said, town.desk())
    assert "the office has it" in words_of(said, room)
    assert town.case().state == State.IN_REVIEW.value


def test_the_person_answers_the_desk_with_a_file(town: Town) -> None:
    town.claimed()
    town.ask_person("A photo?")

    said = town.hear(town.case().room, ALICE, town.attached())

    assert "old.jpg" in words_of(said, town.desk())


def test_a_document_is_made_and_sent(town: Town) -> None:
    town.claimed()
    room = town.case().room

    said = town.press(town.question("decide"), CAROL, "approve")

    [sent] = [one for one in said if one.content.get("msgtype") == "m.file"]
    issued = sent.content["org.veche.document"]
    assert sent.room_id == room
    assert issued["issuer"] == "lindenau"
    assert sent.content["file"]["url"] == "mxc://veche.test/1"
    assert sent.opening["opening"]["act"] == "doc_issued"
    assert town.case().state == State.SERVED.value


def test_messages_of_a_case_are_acts_under_its_rule(town: Town) -> None:
    town.submitted()
    case = town.case()

    acts = [one.opening["opening"] for one in town.said if one.room_id == case.room]
    assert {act["case"] for act in acts} == {case.id}
    assert {act["purpose"] for act in acts} == {"birth-certificate-copy"}
    assert {act["basis"] for act in acts} == {"Civil Status Act, section 24"}
    assert {act["actor"] for act in acts} == {"bot"}
    assert ALICE not in dumped(acts)


def test_what_a_clerk_decides_is_an_act_of_a_clerk(town: Town) -> None:
    town.claimed()
    room = town.case().room

    said = town.ask_person("Which hospital?")

    acts = [one.opening["opening"] for one in said if one.room_id == room]
    assert {act["actor"] for act in acts} == {"role:clerk"}
    assert "carol" not in dumped(acts)


def test_the_desk_never_learns_the_persons_id(town: Town) -> None:
    town.claimed()

    said = [one for one in town.said if one.room_id == town.desk()]
    assert ALICE not in dumped([one.content for one in said])
    assert {one.opening["opening"]["subject"] for one in said} == {""}
    about = [one for one in said if one.opening["opening"].get("case")]
    assert {one.opening["opening"]["case"] for one in about} == {town.case().id}


# A service without a desk.


def info_service(town: Town) -> Path:
    """A service that decides by itself, in the chat."""
    return town.service_file(
        "info",
        review=None,
        steps=[{"step": "form"}, {"step": "message", "text": {"en": "Buses are free on Sunday."}}],
        refusal=None,
    )


def test_a_small_service_stays_in_the_chat(town: Town) -> None:
    town.opened(services=[info_service(town)])
    town.started()

    said = fill(town, "B-AB 123", "North", "submit")

    assert "Buses are free on Sunday" in said
    assert town.case().room_id is None
    assert town.case().state == State.SERVED.value


def test_after_a_small_service_the_chat_is_free_again(town: Town) -> None:
    town.opened(services=[info_service(town)])
    town.started()
    fill(town, "B-AB 123", "North", "submit")

    assert "What do you need?" in fill(town, "thanks")
    assert "no open cases" not in fill(town, "status")
    assert "A human being answers you" in fill(town, "!human Are they?")


def test_a_question_about_a_small_service_reaches_somebody(town: Town) -> None:
    """Its file names a duty and no desk: whoever has the duty is asked where they work."""
    town.opened(services=[info_service(town)])
    town.started()

    said = town.write(CHAT, ALICE, "!human Is it free?")

    assert "Is it free?" in words_of(said, town.desk("management"))


# The file of a service changes.


def changed_file(folder: Path) -> Path:
    """The example with one more question, and a later version."""
    path = folder / "birth-certificate-copy.yaml"
    text = EXAMPLE.read_text()
    text = text.replace("version: 1", "version: 2").replace("Name of the child,", "Child,")
    path.write_text(text)
    template = EXAMPLE.with_suffix(".typ")
    (folder / template.name).write_text(template.read_text())
    return path


def test_a_case_ends_on_the_version_with_which_it_began(town: Town, tmp_path: Path) -> None:
    town.started()
    town.opened(services=[changed_file(tmp_path)])

    said = fill(town, "Anna Weber", "back")
    assert "Name of the child" in said
    fill(town, "Anna Weber", "12 March 2020", "Travel", "skip", "submit")
    town.press(town.question("claim"), CAROL, "claim")
    said = words_of(town.press(town.question("decide"), CAROL, "approve"))

    assert town.case().state == State.SERVED.value
    assert town.sql("SELECT count(*) FROM agency.definition") == [(1,)]


def test_a_new_case_has_the_new_version(town: Town, tmp_path: Path) -> None:
    town.started()
    town.opened(services=[changed_file(tmp_path)])
    town.write(CHAT, ALICE, "menu")
    town.press(town.question("menu"), ALICE, "birth-certificate-copy")

    said = new_words(town.press(town.question("start"), ALICE, "start"))

    assert "Child" in said
    assert "Name of the child" not in said
    assert town.sql("SELECT count(*) FROM agency.definition") == [(2,)]


def test_a_case_outlives_its_service(town: Town) -> None:
    town.claimed()
    town.opened(
        services=[town.service_file("parking")],
        staff=[
            {
                "id": "carol",
                "user": CAROL,
                "role": "clerk",
                "desks": ["archive", "parking"],
                "duties": ["head-of-office"],
            }
        ],
    )

    town.press(town.question("decide"), CAROL, "approve")

    assert town.case().state == State.SERVED.value


def test_another_process_goes_on_where_the_last_one_stopped(town: Town) -> None:
    town.started()
    fill(town, "Anna Weber")
    town.opened()
    said = fill(town, "12 March 2020")
    assert "3 of 4" in said
    town.opened()
    fill(town, "Travel", "skip", "submit")
    town.opened()
    town.press(town.question("claim"), CAROL, "claim")
    town.opened()

    town.press(town.question("decide"), CAROL, "approve")

    assert town.case().state == State.SERVED.value
    assert BOT in dumped(town.agency.bots)
