"""What a key approves: exactly the answers, in a size that travels; and the steps around it."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appservices.agency.cases.core.case_json import from_json, to_json
from appservices.agency.cases.core.effects import AskPerson, RefusalReason, Refused, Topic
from appservices.agency.cases.core.inputs import Answers
from appservices.agency.cases.core.states import State
from appservices.agency.cases.texts.approval import (
    APPROVE,
    CANCEL,
    CHANGE,
    RELEASE_BYTES_MAX,
    release_of,
    release_shown,
)
from appservices.agency.catalogue.texts.steps import step_words
from appservices.agency.language.core.definition import RELEASE_FIELDS_MAX, DecideStep, FormStep
from appservices.agency.workflow.texts import next_step
from tests.unit.appservices.agency.builders import (
    NOW_MS,
    Play,
    context,
    filled,
    service,
    service_data,
)
from veche.protocol.approval import AskedApproval, shown_bytes
from veche.protocol.forms.state import Mode, Pressed, Said
from veche.protocol.ids import Ulid, UserId
from veche.protocol.inbound import Trust

PLATE: Final = {"plate": "B-AB 123", "zone": "north"}
FIELDS: Final[Any] = service_data()["form"]
KEYED: Final = service(form={"approve": True, "fields": FIELDS})


def asked(play: Play) -> Any:
    """The question that the last step asks the person."""
    [question] = [one.question for one in play.outcome.effects if isinstance(one, AskPerson)]
    return question


def waiting() -> Play:
    """A case whose answers wait for the key."""
    return Play.opened(KEYED).do(filled(PLATE))


def press(choice: str, trust: Trust = Trust.VERIFIED) -> Answers:
    return Answers(Pressed(choice), trust)


# The language.


def test_a_form_may_be_a_list_or_say_that_a_key_approves_it() -> None:
    assert not service().needs_key
    assert KEYED.needs_key
    assert not service(form={"approve": False, "fields": FIELDS}).needs_key
    assert [field.id for field in KEYED.fields] == ["plate", "zone"]


# The steps.


def test_what_is_filled_in_is_approved_before_it_is_submitted() -> None:
    play = waiting()
    question = asked(play)

    assert play.state is State.DRAFT
    assert play.outcome.case.submitted_at_ms is None
    assert question.topic is Topic.APPROVE
    assert [one.id for one in question.choices] == [APPROVE, CHANGE, CANCEL]
    assert question.approve[APPROVE].values == (("Plate", "B-AB 123"), ("Zone", "North"))
    words = next_step(KEYED, play.outcome.case, context())
    assert words == "Approve your answers with the key of your device."


@pytest.mark.parametrize("choice", [CHANGE, CANCEL])
def test_no_ends_it_where_no_form_was_filled_in(choice: str) -> None:
    steps = [{"step": "form", "if": "today > '2100-01-01'"}, {"step": "review"}]
    play = Play.opened(service(form={"approve": True, "fields": FIELDS}, steps=steps))

    assert asked(play).topic is Topic.APPROVE
    assert play.do(press(choice)).state is State.WITHDRAWN


@pytest.mark.parametrize("trust", [Trust.ANY, Trust.E2EE, Trust.VERIFIED])
def test_without_the_key_it_is_not_approved(trust: Trust) -> None:
    play = waiting().do(press(APPROVE, trust))

    [refused] = [one for one in play.outcome.effects if isinstance(one, Refused)]
    assert refused.reason is RefusalReason.KEY_NEEDED
    assert (play.state, play.outcome.case.is_approved) == (State.DRAFT, False)


def test_with_the_key_it_is_submitted() -> None:
    play = waiting().do(press(APPROVE, Trust.SIGNED))

    assert play.state is State.SUBMITTED
    assert play.outcome.case.is_approved
    assert play.outcome.case.submitted_at_ms == NOW_MS


def test_words_do_not_approve() -> None:
    play = waiting().do(Answers(Said("approve"), Trust.SIGNED))

    assert play.state is State.DRAFT
    assert any(isinstance(one, Refused) for one in play.outcome.effects)


def test_an_answer_can_be_changed_and_is_approved_anew() -> None:
    play = waiting().do(press(CHANGE))
    form = play.outcome.case.form
    assert form is not None
    assert (form.mode, dict(form.values)) == (Mode.REVIEW, PLATE)
    assert play.outcome.case.answers == {}

    play.do(filled({**PLATE, "plate": "B-ZZ 999"}))

    assert asked(play).approve[APPROVE].values[0] == ("Plate", "B-ZZ 999")
    assert play.state is State.DRAFT


def test_one_can_stop_there() -> None:
    play = waiting().do(press(CANCEL, Trust.ANY))

    assert play.state is State.WITHDRAWN
    assert play.outcome.case.submitted_at_ms is None


def test_a_service_that_the_rules_decide_waits_for_the_key_too() -> None:
    steps = [{"step": "form"}, {"step": "decide", "decision": "approve"}]
    form = {"approve": True, "fields": FIELDS}
    rules = service(form=form, review=None, refusal=None, steps=steps)
    play = Play.opened(rules).do(filled(PLATE))
    before = play.state

    play.do(press(APPROVE, Trust.SIGNED))

    assert (before, play.state) == (State.DRAFT, State.SERVED)
    assert isinstance(rules.steps[1], DecideStep)


def test_a_service_that_only_asks_waits_for_the_key_too() -> None:
    only = service(
        form={"approve": True, "fields": FIELDS},
        review=None,
        refusal=None,
        steps=[{"step": "form"}, {"step": "message", "text": {"en": "Thank you."}}],
    )
    play = Play.opened(only).do(filled(PLATE))
    before = play.state

    play.do(press(APPROVE, Trust.SIGNED))

    assert (before, play.state) == (State.DRAFT, State.SERVED)


def test_the_key_is_told_of_before_one_begins() -> None:
    words = [step_words(one, KEYED, context()) for one in KEYED.steps]

    assert words[0] == (
        "You answer 2 questions. You approve your answers with the key of your device."
    )
    assert isinstance(KEYED.steps[0], FormStep)
    assert "key" not in step_words(service().steps[0], service(), context())


def test_a_case_of_an_earlier_release_is_not_approved() -> None:
    kept = to_json(waiting().outcome.case)
    del kept["is_approved"]

    assert not from_json(kept).is_approved


# What it shows.


def release(values: dict[str, Any], language: str = "en", **field: Any) -> Any:
    fields = [
        {"id": id_, "kind": "long_text", "label": {"en": field.get("label", id_)}} for id_ in values
    ]
    definition = service(form={"approve": True, "fields": fields})
    case = attrs.evolve(Play.opened(definition).outcome.case, answers=values)
    return release_of(definition, case, context(language=language))


def test_a_value_writes_no_line_of_its_own() -> None:
    shown = release({"address": "Sternweg 5\nAmount: 1 EUR\n\nLindenau"})

    assert shown.values == (("address", "Sternweg 5, Amount: 1 EUR, Lindenau"),)


def test_what_one_does_not_see_is_left_out() -> None:
    shown = release({"name": "An\u202ena\u200b We\u0007ber"})

    assert shown.values == (("name", "Anna Weber"),)


def test_of_a_long_answer_the_beginning_stands_there_with_its_hash() -> None:
    text = "x" * 3_000
    [(_, value)] = release({"story": text}).values

    digest = hashlib.sha256(text.encode()).hexdigest()
    assert value == f"{'x' * 500}… (SHA-256 {digest})"


def test_a_question_is_cut_to_a_label() -> None:
    [(label, _)] = release({"a": "yes"}, label=f"{'Why ' * 40}?").values

    assert len(label) == 60
    assert label.endswith("…")


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from([f"field_{n}" for n in range(RELEASE_FIELDS_MAX)]),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10_000),
        min_size=1,
        max_size=RELEASE_FIELDS_MAX,
    )
)
def test_whatever_was_answered_it_can_be_shown_and_travels(values: dict[str, Any]) -> None:
    found = release(values)

    # As the page of the key reads it: no invisible character, nothing too long.
    data = shown_bytes(release_shown(found))
    assert len(data) <= 3 * RELEASE_BYTES_MAX
    assert len(found.values) == len(values)
    assert all("\n" not in text for pair in found.values for text in pair)


def test_the_prompt_carries_what_is_to_be_approved() -> None:
    question = asked(waiting())
    person = UserId("@alice:x.test")
    shown = release_shown(question.approve[APPROVE])
    approve = {APPROVE: AskedApproval(kind="release", nonce="a" * 32, person=person, shown=shown)}

    prompt = question.prompt(Ulid("01J00000000000000000000000"), [person], None, approve)

    assert [one.approve is not None for one in prompt.choices] == [True, False, False]
