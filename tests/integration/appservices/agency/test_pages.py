"""What persons do on pages, on a real database: begin, answer, type, approve; and rooms for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from twisted.internet.defer import Deferred

from appservices.agency.cases import store
from appservices.agency.cases.core.effects import Topic
from appservices.agency.cases.core.states import State
from appservices.agency.pages.api import AnswerBody, CommandBody
from appservices.agency.pages.service import acts as page_acts
from appservices.agency.pages.service.errors import AnswerRefusedError, FormRefusedError
from appservices.agency.pages.service.files import FileQuery, FileStorage, look_at_file, send_file
from appservices.agency.pages.service.reading import case_seen, stored_document
from tests.integration.appservices.agency.town import (
    ALICE,
    BOB,
    BOT,
    CHAT,
    EXAMPLE,
    HOUR_MS,
    JPEG_DATA,
    PAGES,
    ROOT,
    new_words,
    opened_file,
    words_of,
)
from veche.access.sessions import Agent, Level, Session
from veche.access.sessions import store as session_store
from veche.chat import prompts
from veche.messaging.inbox import pages
from veche.protocol.errors import ConflictError, LevelTooLowError, NotFoundError, UnavailableError
from veche.protocol.ids import EventId, RoomId
from veche.protocol.inbound import PromptAnswer, Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.agency.pages.api import CaseView
    from appservices.agency.pages.service.acts import Visit
    from tests.integration.appservices.agency.town import Town
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres

COPY: Final = "birth-certificate-copy"
ADDRESS: Final = ROOT / "config/services/change-of-address.yaml"
ANSWERS: Final[Mapping[str, Any]] = {
    "child_name": "Anna Weber",
    "born_on": "2020-03-12",
    "reason": "travel",
}
MOVED: Final[Mapping[str, Any]] = {
    "name": "Anna Weber",
    "address": "Sternweg 5\n12345 Lindenau",
    "moved_on": "2025-03-01",
    "persons": "2",
}


def seen(town: Town, case_id: str, **visit: Any) -> CaseView:
    """The case as its person's page shows it."""

    def read(one: Visit) -> CaseView:
        return case_seen(one.scene, page_acts.own_case(one, case_id), one.language)

    return town.visit(read, **visit)


def prompt_of(town: Town, case_id: str, topic: str) -> str:
    """Id of the open question of a topic."""
    [found] = [one.prompt.id for one in seen(town, case_id).prompts if one.topic == topic]
    return found


def answer(town: Town, case_id: str, topic: str, key: str = "answer", **given: Any) -> EventId:
    """Answer the open question of a topic on a page."""
    visit = {name: given.pop(name) for name in ("person", "level", "language") if name in given}
    body = AnswerBody(prompt=given.pop("prompt", None) or prompt_of(town, case_id, topic), **given)
    return town.visit(lambda one: page_acts.answer(one, case_id, body), key=key, **visit)


def command(town: Town, case_id: str, word: Any, text: str = "", **visit: Any) -> EventId:
    """Give a command on a page."""
    body = CommandBody(command=word, text=text)
    return town.visit(lambda one: page_acts.command(one, case_id, body), **visit)


def outcome(town: Town, event_id: EventId) -> Any:
    """What the page is told of an act."""
    return town.run(page_acts.outcome_of, event_id)


def submitted(town: Town) -> str:
    """A case that was begun and submitted on a page; its id."""
    town.greeted()
    case_id = town.begin_on_page(COPY)
    answer(town, case_id, "form", data=dict(ANSWERS))
    town.hear_pages()
    return case_id


# Beginning.


def test_a_case_begins_in_the_chat_that_there_is(town: Town) -> None:
    town.greeted()

    case_id = town.begin_on_page(COPY)

    assert town.case().id == case_id
    assert town.case().chat_id == CHAT
    assert town.question("form").room_id == CHAT


def test_the_same_start_twice_is_one_case(town: Town) -> None:
    town.greeted()

    assert town.begin_on_page(COPY) == town.begin_on_page(COPY)

    assert len(town.sql("SELECT 1 FROM agency.case_file")) == 1


def test_another_start_under_the_same_key_is_refused(town: Town) -> None:
    town.opened(services=[EXAMPLE, ADDRESS])
    town.greeted()
    town.begin_on_page(COPY)

    with pytest.raises(ConflictError):
        town.begin_on_page("change-of-address")


def test_who_has_no_chat_gets_one(town: Town) -> None:
    town.host.have_pages()

    case_id = town.begin_on_page(COPY)

    case = town.case()
    said = [one for one in town.said if one.room_id == case.chat_id]
    assert case.id == case_id
    assert [(one.state_key, one.content) for one in said if one.type == "m.room.member"] == [
        (ALICE, {"membership": "invite"})
    ]
    assert "Welcome. This is Records Office" in new_words(said)
    assert "1 of 4" in new_words(said)
    assert town.sql("SELECT * FROM agency.page_chat") == []


def test_two_starts_without_a_chat_share_one(town: Town) -> None:
    service = town.agency.offices[BOT].section.services[COPY]
    events = [
        town.visit(lambda one: page_acts.start_case(one, service), key=key)
        for key in ("one", "two")
    ]

    town.settle()

    assert [is_new for _, is_new in events] == [True, True]
    cases = {outcome(town, event_id)[0].case_id for event_id, _ in events}
    assert len(cases) == 2
    assert len(town.sql("SELECT DISTINCT chat_id FROM agency.case_file")) == 1


def test_a_start_in_a_chat_with_others_goes_to_a_new_one(town: Town) -> None:
    town.begin_chat(others=[BOB])

    town.begin_on_page(COPY)

    assert town.case().chat_id != CHAT


def test_too_many_cases_are_refused_before_a_chat_is_made(town: Town) -> None:
    for number in range(20):
        town.begin_on_page(COPY, key=f"start {number}".replace(" ", "-"))

    with pytest.raises(AnswerRefusedError) as refused:
        town.begin_on_page(COPY, key="one-more")

    assert refused.value.details == {"reason": "too_many"}
    assert "20 open cases" in str(refused.value)


def test_a_start_that_loses_its_chat_is_told_on_the_page_only(town: Town) -> None:
    """Somebody else came into the chat after the page had asked."""
    town.greeted()
    service = town.agency.offices[BOT].section.services[COPY]
    event_id, _ = town.visit(lambda one: page_acts.start_case(one, service))
    town.seat(CHAT, BOB)

    said = town.hear_pages()

    known, state = outcome(town, event_id)
    assert said == []
    assert state == "done"
    with pytest.raises(AnswerRefusedError, match="direct chat"):
        page_acts.refuse_if_refused(known, state, "en")


# Answering.


def test_a_form_is_sent_from_a_page(town: Town) -> None:
    case_id = submitted(town)

    view = seen(town, case_id)
    assert town.case().state == State.SUBMITTED.value
    assert [(one.field, one.value) for one in view.answers] == [
        ("child_name", "Anna Weber"),
        ("born_on", "12 March 2020"),
        ("reason", "Travel"),
    ]
    assert view.form is None
    assert view.room == f"https://matrix.to/#/{town.case().room}?via=veche.test"


def test_of_two_tabs_one_counts_and_the_other_is_told(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    first = answer(town, case_id, "form", key="one", data=dict(ANSWERS))
    second = answer(town, case_id, "form", key="two", data={**ANSWERS, "child_name": "Eve"})

    said = words_of(town.hear_pages())

    assert outcome(town, first) == (None, "done")
    assert outcome(town, second)[0].reason == "doubled"
    assert seen(town, case_id).answers[0].value == "Anna Weber"
    assert outcome(town, second)[0].words not in said


def test_the_same_answer_sent_again_changes_nothing(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    prompt = prompt_of(town, case_id, "form")
    first = answer(town, case_id, "form", prompt=prompt, data=dict(ANSWERS))
    town.hear_pages()

    again = answer(town, case_id, "form", prompt=prompt, data=dict(ANSWERS))

    assert first == again
    assert town.hear_pages() == []
    assert outcome(town, again) == (None, "done")


def test_a_closed_question_is_refused_at_once(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    prompt = prompt_of(town, case_id, "form")
    answer(town, case_id, "form", data=dict(ANSWERS))
    town.hear_pages()

    with pytest.raises(AnswerRefusedError) as refused:
        answer(town, case_id, "form", key="two", prompt=prompt, data=dict(ANSWERS))

    assert refused.value.reason == "doubled"


def test_what_is_wrong_is_told_by_field_and_nothing_is_handed_in(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)

    with pytest.raises(FormRefusedError) as refused:
        answer(town, case_id, "form", data={"child_name": "Anna", "born_on": "31.2.2020"})

    errors: Any = refused.value.details["errors"]
    assert [(one["field"], one["code"]) for one in errors] == [
        ("born_on", "no_such_day"),
        ("reason", "missing"),
    ]
    assert town.sql("SELECT count(*) FROM runtime.page_act") == [(1,)]  # the start


def test_a_form_that_is_withdrawn_meanwhile_is_refused_where_it_was_sent(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    event_id = answer(town, case_id, "form", data=dict(ANSWERS))
    town.write(CHAT, ALICE, "cancel")

    said = town.hear_pages()

    assert outcome(town, event_id)[0].reason == "late"
    assert said == []
    assert town.case().state == State.WITHDRAWN.value


def test_the_desks_question_is_answered_on_a_page(town: Town) -> None:
    town.claimed()
    town.ask_person("Which hospital?")
    case_id = town.case().id

    answer(town, case_id, "more", data={"text": "St. Mary"})
    said = town.hear_pages()

    assert "St. Mary" in words_of(said, town.desk())
    assert town.case().state == State.IN_REVIEW.value


def test_a_file_that_came_by_the_chat_stays_with_what_the_page_sends(town: Town) -> None:
    fields = [
        {"id": "plate", "kind": "text", "required": True, "label": {"en": "Plate"}},
        {"id": "photo", "kind": "photo", "required": True, "label": {"en": "Photo"}},
    ]
    town.opened(services=[town.service_file("birth", form=fields)], staff=_parking_staff())
    town.greeted()
    case_id = town.begin_on_page("birth")
    data = {"plate": "B-AB 123"}
    with pytest.raises(FormRefusedError, match="Photo"):
        answer(town, case_id, "form", key="one", data=data)
    town.write(CHAT, ALICE, "B-AB 123")
    town.hear(CHAT, ALICE, town.attached())

    answer(town, case_id, "form", key="two", data=data)
    town.hear_pages()

    assert town.case().state == State.SUBMITTED.value
    assert [one.field for one in seen(town, case_id).answers] == ["plate", "photo"]


def test_a_question_whose_message_is_on_its_way_is_to_be_answered_again(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    prompt = prompt_of(town, case_id, "form")
    town.sql(
        "UPDATE runtime.outbox SET state = 0 WHERE effect_id ="
        " (SELECT effect_id FROM runtime.prompt WHERE prompt_id = %s)",
        prompt,
    )

    with pytest.raises(UnavailableError):
        answer(town, case_id, "form", prompt=prompt, data=dict(ANSWERS))


def test_thinking_it_over_wakes_the_pages(town: Town) -> None:
    """Nothing of the case changes, and yet its question is gone."""
    case_id = submitted(town)
    command(town, case_id, "withdraw", key="withdraw")
    town.hear_pages()
    before = seen(town, case_id)

    answer(town, case_id, "withdraw", key="keep", choice="keep")
    town.hear_pages()

    assert [one.topic for one in before.prompts] == ["withdraw"]
    assert seen(town, case_id).prompts == []
    assert seen(town, case_id).version != before.version


# Who may.


@pytest.mark.parametrize("person", [BOB])
def test_a_case_of_somebody_else_looks_like_none(town: Town, person: Any) -> None:
    case_id = submitted(town)
    none = case_id[:-1] + ("0" if case_id[-1] != "0" else "1")

    found = []
    for one in (case_id, none):
        with pytest.raises(NotFoundError) as refused:
            seen(town, one, person=person)
        found.append(str(refused.value))
    with pytest.raises(NotFoundError):
        command(town, case_id, "why", person=person)

    assert found[0] == found[1] == "You have no such case."


@pytest.mark.parametrize(
    ("word", "level", "is_allowed"),
    [
        ("status", Level.ROOM, True),
        ("why", Level.ROOM, True),
        ("human", Level.ROOM, True),
        ("withdraw", Level.ROOM, False),
        ("export", Level.ROOM, False),
        ("withdraw", Level.VERIFIED, True),
        ("export", Level.VERIFIED, True),
    ],
)
def test_what_a_session_may_do(town: Town, word: str, level: Level, is_allowed: bool) -> None:
    case_id = submitted(town)

    if is_allowed:
        command(town, case_id, word, level=level, key="command")
        return
    with pytest.raises(LevelTooLowError) as refused:
        command(town, case_id, word, level=level, key="command")
    assert refused.value.required == "verified"


def test_a_withdrawal_is_confirmed_by_the_highest_level_only(town: Town) -> None:
    case_id = submitted(town)
    command(town, case_id, "withdraw", key="withdraw")
    town.hear_pages()

    with pytest.raises(LevelTooLowError):
        answer(town, case_id, "withdraw", key="one", choice="withdraw", level=Level.ROOM)
    answer(town, case_id, "withdraw", key="two", choice="withdraw")
    town.hear_pages()

    assert town.case().state == State.WITHDRAWN.value


def test_a_service_may_ask_for_more_than_the_session_proves(town: Town) -> None:
    path = town.service_file("birth", who={"min_trust": "verified"})
    town.opened(services=[path], staff=_parking_staff())
    town.greeted()
    case_id = town.begin_on_page("birth")
    data = {"plate": "B-AB 123", "zone": "north"}

    with pytest.raises(LevelTooLowError) as refused:
        answer(town, case_id, "form", data=data, level=Level.ROOM)
    answer(town, case_id, "form", key="two", data=data)
    town.hear_pages()

    assert refused.value.required == "verified"
    assert town.case().state == State.SUBMITTED.value


def _parking_staff() -> list[dict[str, Any]]:
    duties = ["head-of-office"]
    return [
        {
            "id": "carol",
            "user": "@carol:veche.test",
            "role": "clerk",
            "desks": ["parking"],
            "duties": duties,
        }
    ]


# Drafts.


def draft(town: Town, case_id: str, values: Mapping[str, Any]) -> list[str]:
    """Keep what was typed; ids of the fields that are wrong."""
    errors = town.visit(lambda one: page_acts.keep_draft(one, case_id, values))
    return [one.field_id for one in errors]


def test_what_is_typed_is_kept_as_it_is_and_the_chat_knows_what_is_right(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)

    wrong = draft(town, case_id, {"child_name": "Anna Weber", "born_on": "tomorrowish"})

    assert wrong == ["born_on"]
    assert seen(town, case_id).draft == {"child_name": "Anna Weber", "born_on": "tomorrowish"}
    # The chat asked for the name, which the page has meanwhile.
    assert "2 of 4" in words_of(town.write(CHAT, ALICE, "Anna Maria Weber"))
    assert seen(town, case_id).draft["child_name"] == "Anna Maria Weber"


def test_what_the_chat_has_taken_stands_on_the_page(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    town.write(CHAT, ALICE, "Anna Weber")

    assert seen(town, case_id).draft == {"child_name": "Anna Weber"}


def test_other_pages_of_the_case_learn_what_was_typed(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    before = seen(town, case_id).version

    draft(town, case_id, {"child_name": "Anna Weber"})
    after = seen(town, case_id).version
    draft(town, case_id, {"child_name": "Anna Weber"})

    assert after != before
    assert seen(town, case_id).version == after


def test_a_draft_is_forgotten_once_the_form_is_sent(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    draft(town, case_id, {"child_name": "Anna Weber"})

    answer(town, case_id, "form", data=dict(ANSWERS))
    town.hear_pages()

    assert town.sql("SELECT * FROM agency.page_draft") == []
    with pytest.raises(AnswerRefusedError) as refused:
        draft(town, case_id, {"child_name": "Eve"})
    assert refused.value.reason == "not_now"


def test_what_is_emptied_on_the_page_is_asked_again(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    town.write(CHAT, ALICE, "Anna Weber")

    draft(town, case_id, {"child_name": None})

    assert seen(town, case_id).draft == {}
    [(values,)] = town.sql("SELECT kept->'form'->'values' FROM agency.case_file")
    assert values == {}


# Rooms.


def _made(town: Town, kind: str) -> list[dict[str, Any]]:
    """The state of a type in each room that was made, in order."""
    creations = [body for _, path, body in town.host.client.calls if path.endswith("createRoom")]
    return [
        {e["state_key"]: e["content"] for e in body["initial_state"] if e["type"] == kind}
        for body in creations
    ]


def test_rooms_that_the_bot_makes_for_one_person_have_the_widget(town: Town) -> None:
    town.host.have_pages()
    case_id = town.begin_on_page(COPY)  # makes the chat
    chat = town.case().chat_id
    town.move(chat, ALICE, "join")
    answer(town, case_id, "form", data=dict(ANSWERS))
    town.hear_pages()

    desks, (in_chat, in_case) = (
        _made(town, "im.vector.modular.widgets")[:-2],
        _made(town, "im.vector.modular.widgets")[-2:],
    )

    assert in_chat == in_case
    assert in_case["veche"]["url"].startswith(f"{PAGES}/widget?theme=$org.matrix")
    assert in_case["veche"]["creatorUserId"] == BOT
    assert all(one == {} for one in desks)
    layout = _made(town, "io.element.widgets.layout")[-1][""]["widgets"]["veche"]
    assert layout == {"container": "top", "index": 0, "width": 100, "height": 35}


def test_without_pages_there_are_neither_widgets_nor_links(town: Town) -> None:
    submitted(town)

    assert all(one == {} for one in _made(town, "im.vector.modular.widgets"))
    assert "http" not in words_of(town.said, town.case().room)


def test_every_question_and_the_card_have_the_link_of_the_page(town: Town) -> None:
    town.host.have_pages()
    town.greeted()
    menu = town.question("menu")
    case_id = town.begin_on_page(COPY)
    form = town.question("form")
    answer(town, case_id, "form", data=dict(ANSWERS))
    town.hear_pages()

    cards = [one for one in town.said if "org.veche.case" in one.content]
    assert f"{PAGES}/services\n" in menu.body + "\n"
    assert f"{PAGES}/cases/{case_id}\n" in form.body + "\n"
    assert form.prompt["url"] == f"{PAGES}/cases/{case_id}"
    assert f"{PAGES}/cases/{case_id}" in cards[-1].body


def test_who_did_not_come_into_the_room_of_the_case_still_has_the_page(town: Town) -> None:
    case_id = submitted(town)
    town.seat(town.case().room, ALICE, "leave")

    event_id = command(town, case_id, "human", "When?", key="human")
    town.hear_pages()

    assert outcome(town, event_id) == (None, "done")
    assert "When?" in words_of(town.said, town.desk())


# A form that is too large for a message.


def _long_service(town: Town) -> Any:
    fields = [
        {"id": f"field_{n}", "kind": "text", "label": {"en": f"{n} " + "long " * 35}}
        for n in range(40)
    ]
    return town.service_file(
        "long",
        form=fields,
        review=None,
        steps=[{"step": "form"}, {"step": "message", "text": {"en": "Thank you."}}],
        refusal=None,
    )


def test_a_form_that_does_not_fit_a_message_is_filled_in_on_the_page(town: Town) -> None:
    town.opened(services=[_long_service(town)])
    town.greeted()
    case_id = town.begin_on_page("long")
    view = seen(town, case_id)

    answer(town, case_id, "form", data={f"field_{n}": f"answer {n}" for n in range(40)})
    town.hear_pages()

    assert "form" not in town.said[-1].prompt
    assert view.form is not None
    assert len(view.form.fields) == 40
    assert town.case().state == State.SERVED.value
    assert len(seen(town, case_id).answers) == 40


def test_a_chat_that_an_earlier_release_kept_is_the_one_in_which_a_case_begins(
    town: Town,
) -> None:
    town.seat(CHAT, BOT, is_encrypted=True)
    town.seat(CHAT, ALICE)
    town.sql("INSERT INTO agency.chat (room_id, bot, person) VALUES (%s, %s, %s)", CHAT, BOT, ALICE)

    town.begin_on_page(COPY)

    assert town.case().chat_id == CHAT


# What a key approves.


def asked_to_approve(town: Town) -> str:
    """A case whose answers are to be approved; its id."""
    town.host.have_pages()
    town.opened(services=[ADDRESS])
    town.greeted()
    case_id = town.begin_on_page("change-of-address")
    answer(town, case_id, "form", data=dict(MOVED))
    town.hear_pages()
    return case_id


def approval(town: Town, case_id: str) -> Any:
    """What is to be approved, as the page of the case has it."""
    [asked] = [one for one in seen(town, case_id).prompts if one.topic == Topic.APPROVE.value]
    [choice] = [one for one in asked.prompt.choices if one.approve is not None]
    assert choice.approve is not None
    return choice.approve


def sign(
    town: Town,
    case_id: str,
    choice: str = "approve",
    meanwhile: Callable[[], object] | None = None,
) -> None:
    """The answer as the approvals hand it in, once a key has signed.

    Args:
        town: The office.
        case_id: Whose question.
        choice: What was chosen.
        meanwhile: What happens before the bot hears it.
    """
    [asked] = [one for one in seen(town, case_id).prompts if one.topic == Topic.APPROVE.value]

    nonce = approval(town, case_id).nonce

    def hand_in(txn: Cursor) -> None:
        kept = prompts.by_id(txn, BOT, asked.prompt.id)
        assert kept is not None
        answer = PromptAnswer(
            bot=BOT,
            room_id=kept.room_id,
            event_id=pages.page_event_id(ALICE, f"sign-{choice}"),
            sender=ALICE,
            trust=Trust.SIGNED,
            at_ms=town.now_ms,
            prompt=kept.id,
            choice=choice,
            nonce=nonce,
        )
        pages.hand_in(txn, answer)

    town.run(hand_in)
    if meanwhile is not None:
        meanwhile()
    town.hear_pages()


def test_what_is_approved_is_exactly_what_is_sent(town: Town) -> None:
    case_id = asked_to_approve(town)

    asked = approval(town, case_id)

    assert asked.kind == "release"
    assert asked.person == ALICE
    assert asked.shown.model_dump(mode="json") == {
        "to": "Records Office",
        "service": "New address",
        "number": case_id[-8:],
        "values": [
            {"label": "Your name", "value": "Anna Weber"},
            {"label": "Your new address", "value": "Sternweg 5, 12345 Lindenau"},
            {"label": "Since when do you live there", "value": "1 March 2025"},
            {"label": "How many people move, you included", "value": "2"},
        ],
    }
    assert town.case().state == State.DRAFT.value
    question = town.question("approve")
    assert f"{PAGES}/approve#" in question.body
    assert "\n\nApprove with your key\nhttps://" in question.body


def test_approving_without_the_key_changes_nothing_and_says_where(town: Town) -> None:
    case_id = asked_to_approve(town)
    asked = approval(town, case_id)

    said = words_of(town.write(CHAT, ALICE, "1"))
    with pytest.raises(LevelTooLowError) as refused:
        answer(town, case_id, "approve", key="two", choice="approve")

    assert f"{PAGES}/approve#" in said
    assert refused.value.required == "signed"
    assert town.case().state == State.DRAFT.value
    assert approval(town, case_id) == asked


def test_once_the_key_has_signed_it_is_sent_and_decided(town: Town) -> None:
    case_id = asked_to_approve(town)

    sign(town, case_id)

    assert town.case().state == State.SERVED.value
    assert [one.title for one in seen(town, case_id).documents] == ["Confirmation of your address"]
    assert "approve" not in town.open_topics()


def test_no_on_the_page_of_the_key_leads_back_to_the_answers(town: Town) -> None:
    case_id = asked_to_approve(town)

    sign(town, case_id, "decline")
    view = seen(town, case_id)
    answer(town, case_id, "form", key="again", data={**MOVED, "persons": "3"})
    town.hear_pages()

    assert [one.topic for one in view.prompts] == ["form"]
    assert view.draft == {**MOVED, "persons": 2}
    values = {one.label: one.value for one in approval(town, case_id).shown.values}
    assert values["How many people move, you included"] == "3"


def test_stopping_there_sends_nothing(town: Town) -> None:
    case_id = asked_to_approve(town)

    answer(town, case_id, "approve", key="two", choice="cancel")
    town.hear_pages()

    assert town.case().state == State.WITHDRAWN.value
    assert seen(town, case_id).prompts == []


def test_a_draft_is_not_taken_while_answers_are_to_be_approved(town: Town) -> None:
    case_id = asked_to_approve(town)

    with pytest.raises(AnswerRefusedError):
        draft(town, case_id, {"name": "Eve"})


def test_what_a_key_approved_that_is_revoked_by_then_is_not_sent(town: Town) -> None:
    case_id = asked_to_approve(town)
    question, nonce = town.question("approve"), approval(town, case_id).nonce

    def revoked() -> None:
        town.sql(
            "INSERT INTO runtime.device_key (key_id, person, kind, public_key, transports,"
            " sign_count, label, created_at_ms, held_until_ms, revoked_at_ms)"
            " VALUES ('lost', %s, 'p256', '', '{}', 0, '', 0, 0, 1)",
            ALICE,
        )
        town.sql(
            "INSERT INTO runtime.approval"
            " (nonce, person, kind, means, key_id, signed, proof, at_ms)"
            " VALUES (%s, %s, 'release', 'p256', 'lost', '', '{}', 0)",
            nonce,
            ALICE,
        )

    sign(town, case_id, meanwhile=revoked)

    assert town.case().state == State.DRAFT.value
    assert [one.topic for one in seen(town, case_id).prompts] == ["form"]
    [ended] = [one for one in town.said if one.relation and question.effect in one.relation]
    assert "was revoked" in ended.body


# Documents, and what is forgotten.


def test_a_document_is_fetched_byte_for_byte(town: Town) -> None:
    town.claimed()
    town.press(town.question("decide"), town_clerk(), "approve")
    case_id = town.case().id
    [issued] = seen(town, case_id).documents

    def read(one: Visit) -> Any:
        file = page_acts.own_case(one, case_id)
        return stored_document(one.scene.txn, file, issued.sha256, "en")

    kept = town.visit(read)
    data = opened_file(town.host.client.uploads[-1], kept.file)
    assert data.startswith(b"%PDF")
    assert len(data) == issued.size_bytes == kept.size_bytes
    assert issued.path == f"/_veche/agency/v1/cases/{case_id}/documents/{issued.sha256}"


def test_a_document_of_an_earlier_release_is_found_too(town: Town) -> None:
    town.claimed()
    town.press(town.question("decide"), town_clerk(), "approve")
    case_id = town.case().id
    [issued] = seen(town, case_id).documents
    town.sql("DELETE FROM agency.document")

    def read(one: Visit, sha256: str = issued.sha256) -> Any:
        file = page_acts.own_case(one, case_id)
        return stored_document(one.scene.txn, file, sha256, "en")

    assert town.visit(read).file["url"] == "mxc://veche.test/1"
    for other in ("0" * 64, "x"):
        with pytest.raises(NotFoundError):
            town.visit(lambda one, sha256=other: read(one, sha256))  # type: ignore[misc]


def town_clerk() -> Any:
    """Who has the case."""
    return "@carol:veche.test"


def test_old_outcomes_and_starts_are_forgotten(town: Town) -> None:
    town.greeted()
    town.begin_on_page(COPY, key="old")
    town.now_ms += store.pages.OUTCOME_KEPT_MS + 1

    town.begin_on_page(COPY, key="new")

    assert town.sql("SELECT count(*) FROM agency.page_outcome") == [(1,)]
    assert town.sql("SELECT count(*) FROM agency.page_start") == [(1,)]


def test_an_act_that_the_bot_failed_at_is_told_so(town: Town) -> None:
    town.greeted()
    service = town.agency.offices[BOT].section.services[COPY]
    event_id, _ = town.visit(lambda one: page_acts.start_case(one, service))
    town.sql("UPDATE runtime.inbox SET state = 3 WHERE event_id = %s", event_id)

    known, state = outcome(town, event_id)

    with pytest.raises(AnswerRefusedError) as refused:
        page_acts.refuse_if_refused(known, state, "en")
    assert refused.value.reason == page_acts.FAILED


def test_a_page_act_needs_the_person_in_the_room(town: Town) -> None:
    case_id = submitted(town)
    for room in (town.case().room, RoomId(CHAT)):
        town.seat(room, ALICE, "leave")

    with pytest.raises(AnswerRefusedError, match="not in the room"):
        command(town, case_id, "why", key="why")


# What one writes in the chat instead.


@pytest.mark.parametrize("words", ["!start new address", "/start New Address", "start moving"])
def test_a_service_is_begun_by_its_name(town: Town, words: str) -> None:
    town.opened(services=[EXAMPLE, ADDRESS])
    town.greeted()

    said = words_of(town.write(CHAT, ALICE, words))

    assert "1 of 4" in said
    assert town.sql("SELECT service FROM agency.case_file") == [("change-of-address",)]


def test_a_name_that_nothing_has_shows_what_there_is(town: Town) -> None:
    town.greeted()

    said = words_of(town.write(CHAT, ALICE, "!start zeppelin"))

    assert "There is no service of this name here." in said
    assert "What do you need?" in said
    assert town.sql("SELECT 1 FROM agency.case_file") == []


def test_start_alone_is_the_answer_to_whether_one_wants_to(town: Town) -> None:
    town.greeted()
    town.write(CHAT, ALICE, "1")

    assert "1 of 4" in words_of(town.write(CHAT, ALICE, "Start"))


def test_from_the_room_of_a_case_another_begins_in_the_chat(town: Town) -> None:
    town.submitted()
    room = town.case().room

    said = town.write(room, ALICE, "start birth")

    assert "It goes on in our chat:" in words_of(said, room)
    assert f"https://matrix.to/#/{CHAT}" in words_of(said, room)
    assert "1 of 4" in words_of(said, CHAT)
    assert len(town.sql("SELECT 1 FROM agency.case_file")) == 2


def test_the_commands_of_the_pages_are_there_where_pages_are(town: Town) -> None:
    town.greeted()
    without = words_of(town.write(CHAT, ALICE, "help more"))
    town.host.have_pages()

    with_them = words_of(town.write(CHAT, ALICE, "help more"))
    link = words_of(town.write(CHAT, ALICE, "page"))
    out = words_of(town.write(CHAT, ALICE, "sign out"))

    assert "for you alone" not in without
    assert "for you alone" in with_them
    assert f"{PAGES}/signin#" in link
    assert "signed in nowhere" in out


def test_in_a_form_the_commands_of_the_pages_are_obeyed_with_the_mark_and_without(
    town: Town,
) -> None:
    town.host.have_pages()
    town.started()

    for typed in ("Page", "!page"):
        said = words_of(town.write(CHAT, ALICE, typed))
        assert f"{PAGES}/signin#" in said
        assert "1 of 4" in said


def signed_in(town: Town) -> None:
    """The person has a session and a code that was asked for."""

    def work(txn: Cursor) -> None:
        now_ms, end_ms = town.now_ms, town.now_ms + HOUR_MS
        session = Session("01J0", ALICE, Level.ROOM, None, Agent(), now_ms, now_ms, end_ms)
        session_store.add_session(txn, session, b"digest")

    town.run(work)


@pytest.mark.parametrize("words", ["sign out", "Sign out", "!sign out"])
def test_one_can_sign_out_in_the_middle_of_a_form(town: Town, words: str) -> None:
    town.host.have_pages()
    town.started()
    signed_in(town)

    said = words_of(town.write(CHAT, ALICE, words))

    assert "signed out" in said
    assert town.sql("SELECT 1 FROM runtime.session") == []
    assert "2 of 4" in words_of(town.write(CHAT, ALICE, "Anna Weber"))


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_one_can_sign_out_in_clear_wherever_it_is_said(town: Town, is_encrypted: bool) -> None:
    town.host.have_pages()
    town.begin_chat(is_encrypted=is_encrypted)
    signed_in(town)

    said = words_of(town.write(CHAT, ALICE, "sign out", trust=Trust.ANY))

    assert "signed out" in said
    assert town.sql("SELECT 1 FROM runtime.session") == []


def test_in_a_plain_room_there_is_no_link_and_one_is_told_where(town: Town) -> None:
    town.host.have_pages()
    town.begin_chat(is_encrypted=False)

    said = words_of(town.write(CHAT, ALICE, "page", trust=Trust.ANY))

    assert f"{PAGES}/signin#" not in said
    assert "encrypt" in said


def test_nobody_else_and_no_notice_signs_a_person_out(town: Town) -> None:
    town.host.have_pages()
    town.begin_chat(is_encrypted=False)
    town.seat(CHAT, BOB, is_encrypted=False)
    signed_in(town)

    town.write(CHAT, BOB, "sign out", trust=Trust.ANY)
    town.write(CHAT, ALICE, "sign out", trust=Trust.ANY, msgtype="m.notice")

    assert len(town.sql("SELECT 1 FROM runtime.session")) == 1


def test_an_operator_without_pages_learns_that_nobody_can_submit(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    town.opened(services=[ADDRESS, EXAMPLE])
    warned = [one.getMessage() for one in caplog.records if "asks for a key" in one.getMessage()]
    caplog.clear()
    town.host.have_pages()
    town.opened(services=[ADDRESS, EXAMPLE])

    assert len(warned) == 1
    assert "change-of-address at lindenau_records" in warned[0]
    assert "asks for a key" not in caplog.text


def test_an_approval_that_came_too_late_is_told_in_the_room(town: Town) -> None:
    case_id = asked_to_approve(town)
    before = len(town.said)

    sign(town, case_id, meanwhile=lambda: town.write(CHAT, ALICE, "3"))

    assert town.case().state == State.WITHDRAWN.value
    assert "answered already" in words_of(town.said[before:])


# Files and photos.


def send_photo(town: Town, case_id: str, data: bytes = JPEG_DATA, **given: Any) -> EventId:
    """Send a file on a page, as the route does it."""
    key = given.pop("key", "photo")
    given = {"name": "old.jpg", "mimetype": "image/jpeg", **given}
    query = FileQuery(**given)
    new = town.visit(lambda one: look_at_file(one, case_id, query, data), key=key)
    value = None
    if new is not None:
        client: Any = town.host.client
        stored = Deferred.fromCoroutine(FileStorage(client).store(new, data))
        [value] = done_now(stored)
    return town.visit(lambda one: send_file(one, case_id, query.field, new, value), key=key)


def done_now(deferred: Deferred[Any]) -> list[Any]:
    """What a Deferred has already come to."""
    found: list[Any] = []
    deferred.addCallback(found.append)
    return found


def photo_of(town: Town) -> Any:
    """The photo in the answers of the only case."""
    [(form, answers)] = town.sql("SELECT kept->'form', kept->'answers' FROM agency.case_file")
    return (form["values"] if form else answers).get("old_copy")


def test_a_photo_on_a_page_is_encrypted_and_answers_its_question(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)

    send_photo(town, case_id, field="old_copy")
    send_photo(town, case_id, field="old_copy")  # the same again, whose answer was lost
    said = new_words(town.hear_pages())

    kept = photo_of(town)
    ciphertext = town.host.client.stored[kept["mxc"]]
    assert ciphertext != JPEG_DATA
    assert opened_file(ciphertext, kept["file"]) == JPEG_DATA
    assert kept["size_bytes"] == len(JPEG_DATA)
    assert "1 of 4" in said  # nothing else of the form is taken for answered
    assert "old.jpg" in str(seen(town, case_id).draft["old_copy"])
    answer(town, case_id, "form", data=dict(ANSWERS))
    town.hear_pages()
    assert photo_of(town) == kept
    assert town.case().state == State.SUBMITTED.value


@pytest.mark.parametrize(
    ("data", "given", "words"),
    [
        (b"GIF89a", {}, "arrived damaged"),
        (b"", {}, "arrived damaged"),
        (b"words", {"mimetype": "text/plain", "name": "a.txt"}, "This kind of file can't be used"),
        (JPEG_DATA + bytes(50 * 1024 * 1024), {}, "This file is too large. The most is 50 MB."),
    ],
)
def test_a_file_that_is_no_answer_is_refused_before_it_is_stored(
    town: Town, data: bytes, given: dict[str, Any], words: str
) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)

    with pytest.raises(FormRefusedError, match=words):
        send_photo(town, case_id, data, field="old_copy", **given)

    assert town.host.client.stored == {}
    assert photo_of(town) is None


def test_a_photo_for_no_such_question_or_from_another_person_is_refused(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)

    for field in ("child_name", "nothing"):
        with pytest.raises(AnswerRefusedError):
            send_photo(town, case_id, field=field, key=field)
    query = FileQuery(name="x", field="old_copy")
    with pytest.raises(NotFoundError):
        town.visit(lambda one: look_at_file(one, case_id, query, JPEG_DATA), BOB)


def test_a_photo_while_the_chat_shows_the_review_is_in_the_review(town: Town) -> None:
    town.greeted()
    case_id = town.begin_on_page(COPY)
    for words in ("Anna Weber", "12 March 2020", "Travel", "skip"):
        town.write(CHAT, ALICE, words)

    send_photo(town, case_id, field="old_copy")
    said = new_words(town.hear_pages())

    assert "Please check your answers" in said
    assert "old.jpg" in said


def test_a_file_that_the_desk_asked_for_is_added_on_a_page(town: Town) -> None:
    town.claimed()
    town.ask_person("A photo?")
    case_id = town.case().id
    assert seen(town, case_id).takes_files

    send_photo(town, case_id)
    town.hear_pages()

    [(files,)] = town.sql("SELECT kept->'files' FROM agency.case_file")
    assert [one["file"]["name"] for one in files] == ["old.jpg"]
    assert town.case().state == State.NEEDS_MORE.value  # the words of the answer may follow
