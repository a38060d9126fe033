"""A case on a page: the words of the room and the facts beside, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from appservices.agency.cases.core.case import Fee, FeeState, Issued
from appservices.agency.cases.core.inputs import AskHuman, Refuse
from appservices.agency.cases.core.states import State
from appservices.agency.cases.store import CaseFile
from appservices.agency.pages.service.case_view import Shown, case_view, form_fields, line_view
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    ANSWERS,
    CLERK,
    NOW_MS,
    Play,
    claimed,
    served,
    submitted,
)
from tests.unit.appservices.agency.offices.test_offices import opened
from veche.chat.prompts import Kept
from veche.protocol.answers import OpenPrompt
from veche.protocol.ids import EffectId, EventId, RoomId, UserId
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.agency.pages.api import CaseView

ALICE: Final = UserId("@alice:x.test")
CHAT: Final = RoomId("!chat:x.test")
PHOTO: Final = {
    "url": "mxc://x.test/1",
    "name": "old.jpg",
    "mimetype": "image/jpeg",
    "size_bytes": 10,
    "file": {"key": {"k": "SECRET"}},
}


def shown(play: Play, language: str = "en", **file: Any) -> Shown:
    workplace = opened()
    kept = CaseFile(play.outcome.case, workplace.bot.user_id, ALICE, CHAT, **file)
    return Shown(workplace, play.definition, kept, workplace.context(NOW_MS, language))


def view(play: Play, draft: Mapping[str, Any] | None = None, **more: Any) -> CaseView:
    return case_view(shown(play, **more), (), draft or {})


def kept_prompt(topic: str, scope: tuple[UserId, ...] = (ALICE,)) -> Kept:
    prompt = Prompt(
        v=1, id="01J00000000000000000000000", scope=scope, expires_at_ms=NOW_MS + 1, url="https://x"
    )
    return Kept(
        asked=OpenPrompt(prompt, EventId("$asked")),
        seq=1,
        room_id=CHAT,
        effect=EffectId("effect"),
        intro=(Paragraph("What is it?"),),
        purpose={"topic": topic},
        is_on_its_way=False,
    )


def test_a_draft_shows_its_form_and_what_is_typed() -> None:
    found = view(Play.opened(), {"child_name": "An", "born_on": "soon"})

    assert found.form is not None
    assert [field.id for field in found.form.fields] == [
        "child_name",
        "born_on",
        "reason",
        "old_copy",
    ]
    assert found.draft == {"child_name": "An", "born_on": "soon"}
    assert (found.state, found.waits_for_you, found.is_open) == ("draft", True, True)
    assert found.form.fields[1].max == "2025-11-24"
    assert [field.by_page for field in found.form.fields] == [True, True, True, False]


def test_of_a_file_the_page_knows_its_name_and_not_its_key() -> None:
    play = Play.opened()
    form = play.outcome.case.form
    assert form is not None
    case = attrs.evolve(play.outcome.case, form=attrs.evolve(form, values={"old_copy": PHOTO}))
    play.outcome = attrs.evolve(play.outcome, case=case)

    found = view(play)

    assert "old.jpg" in found.draft["old_copy"]
    assert "SECRET" not in found.model_dump_json()


def test_a_case_with_the_office_shows_clock_answers_and_history() -> None:
    found = view(submitted(), room_id=RoomId("!own:x.test"), version=7)

    assert (found.form, found.draft, found.version) == (None, {}, "7")
    assert found.clock is not None
    assert found.clock.rule == "Civil Status Act, section 24"
    assert [(one.field, one.value) for one in found.answers] == [
        ("child_name", "Anna Muster"),
        ("born_on", "1 February 2020"),
        ("reason", "Travel"),
    ]
    assert [one.what for one in found.history] == ["case opened", "submitted"]
    assert found.room == "https://matrix.to/#/!own:x.test?via=x.test"
    assert found.is_room_own
    assert found.card[0].label == "Case"


def test_it_is_in_the_language_of_the_page() -> None:
    found = view(submitted(), language="ru")

    assert found.title == "Копия свидетельства о рождении"
    assert found.answers[0].label == "Имя ребёнка"


def test_clerks_have_roles_and_no_names() -> None:
    found = view(claimed())

    assert CLERK.id not in found.model_dump_json()


def test_a_refusal_says_why_by_which_law_and_how_to_appeal() -> None:
    found = view(claimed().do(Refuse(CLERK, "not_found", "", "We looked twice.")))

    assert found.refusal is not None
    assert found.refusal.reason == "There is no such entry in the register"
    assert found.refusal.law == "Civil Status Act, section 26 (1)"
    assert found.refusal.text == "We looked twice."
    assert "Administrative Court" in found.refusal.appeal
    assert found.next.startswith("You can appeal until")


def test_documents_are_listed_with_where_they_are_fetched() -> None:
    play = served()
    [issued] = play.outcome.case.documents
    assert isinstance(issued, Issued)

    [document] = view(play).documents

    case = play.outcome.case
    assert document.path == f"/_veche/agency/v1/cases/{case.id}/documents/{'a' * 64}"
    assert document.filename == f"{case.service}-{case.number}.pdf"
    assert document.size_bytes == 1_000


def test_a_question_to_the_office_is_shown_with_its_term() -> None:
    found = view(submitted().do(AskHuman("When?")))

    assert found.question is not None
    assert found.question.text == "When?"
    assert found.question.due_at_ms > NOW_MS


@each_row("topic", ["form", "approve", "more", "withdraw"])
def test_the_persons_questions_are_shown(topic: str) -> None:
    found = case_view(shown(submitted()), [kept_prompt(topic)], {})

    assert [(one.topic, one.text) for one in found.prompts] == [(topic, "What is it?")]


@each_row(
    "kept",
    [
        kept_prompt("claim"),
        kept_prompt("decide"),
        kept_prompt("form", scope=()),
        kept_prompt("form", scope=(UserId("@carol:x.test"),)),
    ],
)
def test_the_offices_questions_are_not(kept: Kept) -> None:
    assert case_view(shown(submitted()), [kept], {}).prompts == []


@pytest.mark.parametrize(
    ("play", "commands"),
    [
        (submitted(), ["status", "why", "human", "withdraw", "export"]),
        (served(), ["status", "why", "human", "export"]),
    ],
)
def test_what_can_be_done_depends_on_where_it_stands(play: Play, commands: list[str]) -> None:
    found = view(play)

    assert [one.command for one in found.commands] == commands
    assert [one.command for one in found.commands if one.takes_text] == ["human"]


def test_a_line_is_the_beginning_of_the_whole() -> None:
    one = shown(submitted())

    line = line_view(one).model_dump()

    whole = case_view(one, (), {}).model_dump()
    assert {name: whole[name] for name in line} == line


def test_nothing_is_filled_in_once_it_was_sent() -> None:
    assert form_fields(shown(submitted())) == []
    assert len(form_fields(shown(Play.opened()))) == 4
    assert ANSWERS["child_name"] not in str(form_fields(shown(Play.opened())))
    assert Play.opened().state is State.DRAFT


def test_a_fee_that_can_be_paid_has_a_button_and_waits_for_the_person() -> None:
    case = attrs.evolve(submitted().outcome.case, state=State.PAYING)
    fee = Fee(1, 0, 1200, "EUR", NOW_MS, State.SUBMITTED)
    paid = attrs.evolve(fee, state=FeeState.PAID, url="https://pay.x.test/1")
    play = submitted()
    found = {}
    for name, one in {
        "unmade": fee,
        "asked": attrs.evolve(fee, reference="7", url="https://pay.x.test/1"),
        "paid": paid,
    }.items():
        play.outcome = attrs.evolve(play.outcome, case=attrs.evolve(case, fees=(one,)))
        found[name] = view(play, language="de")

    assert found["unmade"].fee is found["paid"].fee is None
    asked = found["asked"]
    assert asked.fee is not None
    assert asked.fee.url == "https://pay.x.test/1"
    assert asked.fee.label.endswith("bezahlen")
    assert (asked.waits_for_you, found["unmade"].waits_for_you) == (True, False)
