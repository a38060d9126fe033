"""What was typed on a page: kept as it is, shared with the chat as far as it is right."""

from __future__ import annotations

from typing import Any, Final

import attrs
from hypothesis import given
from hypothesis import strategies as st

from appservices.agency.pages.core import problems_of, problems_of_whole, shown_draft, with_draft
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import context, example
from veche.protocol.forms import parse_value
from veche.protocol.forms.models import Field, FieldKind, Form
from veche.protocol.forms.state import FormState, Mode

HERE: Final = context().field_context("en")
FORM: Final = example().form(("child_name", "born_on", "reason", "old_copy"), "en")
EMPTY: Final = FormState({}, 0, Mode.FILLING, 0, frozenset())
PHOTO: Final = {"url": "mxc://x.test/1", "name": "old.jpg"}

# What may come out of JSON.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
DRAFTS = st.dictionaries(st.sampled_from([field.id for field in FORM.fields[:3]]), JSON)


def codes(errors: Any) -> list[tuple[str, str]]:
    return [(one.field_id, one.problem.code) for one in errors]


def test_in_a_draft_nothing_is_missing_yet() -> None:
    assert codes(problems_of(FORM, {}, HERE)) == []
    assert codes(problems_of(FORM, {"born_on": "soon", "reason": ""}, HERE)) == [
        ("born_on", "not_a_date")
    ]


def test_what_is_missing_in_a_whole_form_stands_in_its_order() -> None:
    found = problems_of_whole(FORM, {}, {"reason": "nope"}, HERE)

    assert codes(found) == [
        ("child_name", "missing"),
        ("born_on", "missing"),
        ("reason", "not_a_choice"),
    ]


def test_a_file_that_came_by_the_chat_is_not_missing() -> None:
    fields = [
        one.model_copy(update={"required": True}) if one.id == "old_copy" else one
        for one in FORM.fields
    ]
    form = FORM.model_copy(update={"fields": tuple(fields)})
    data = {"child_name": "Anna Weber", "born_on": "2020-03-12", "reason": "travel"}

    without = problems_of_whole(form, {}, data, HERE)
    with_it = problems_of_whole(form, {"old_copy": PHOTO}, data, HERE)

    assert codes(without) == [("old_copy", "missing")]
    assert codes(with_it) == []


def test_what_is_right_of_a_draft_is_answered_and_the_rest_is_asked() -> None:
    state = with_draft(FORM, EMPTY, {"child_name": "Anna Weber", "born_on": "soon"}, HERE)

    assert state.values == {"child_name": "Anna Weber"}
    assert state.done == {"child_name"}


def test_what_is_emptied_or_spoilt_has_no_answer_any_more() -> None:
    before = with_draft(FORM, EMPTY, {"child_name": "Anna", "born_on": "2020-03-12"}, HERE)

    after = with_draft(FORM, before, {"child_name": None, "born_on": "soon"}, HERE)

    assert after.values == {}
    assert after.done == set()


def test_what_is_not_in_a_draft_stays() -> None:
    before = with_draft(FORM, EMPTY, {"child_name": "Anna Weber"}, HERE)

    after = with_draft(FORM, before, {"born_on": "2020-03-12"}, HERE)

    assert after.values == {"child_name": "Anna Weber", "born_on": "2020-03-12"}


@each_row("mode", list(Mode))
def test_while_the_review_is_shown_the_chat_sends_what_it_shows(mode: Mode) -> None:
    before = attrs.evolve(EMPTY, mode=mode)

    after = with_draft(FORM, before, {"child_name": "Eve"}, HERE)

    assert (after == before) == (mode not in {Mode.FILLING, Mode.EDITING})


def test_the_page_shows_what_was_typed_there() -> None:
    draft = {"child_name": "Anna Weber", "born_on": "12 March 2020", "reason": "nope"}
    values = with_draft(FORM, EMPTY, draft, HERE).values

    assert shown_draft(FORM, values, draft, HERE) == draft


def test_the_page_shows_what_the_chat_has_taken_since() -> None:
    draft = {"child_name": "Anna Weber", "born_on": "soon"}
    values = {"child_name": "Anna Maria Weber", "born_on": "2020-03-12"}

    assert shown_draft(FORM, values, draft, HERE) == values


def test_a_number_of_the_chat_is_not_taken_for_one_that_was_typed() -> None:
    form = Form(fields=(Field(id="area", kind=FieldKind.NUMBER, label="Area"),))
    german = context().field_context("de")
    state = attrs.evolve(EMPTY, values={"area": "1.234"})

    assert parse_value(form.fields[0], "1,234", german) == "1.234"
    assert shown_draft(form, state.values, {"area": "1,234"}, german) == {"area": "1,234"}
    assert shown_draft(form, state.values, {}, german) == {"area": {"decimal": "1.234"}}


@given(DRAFTS, DRAFTS)
def test_any_draft_is_borne_and_shown_again(first: dict[str, Any], second: dict[str, Any]) -> None:
    state = with_draft(FORM, with_draft(FORM, EMPTY, first, HERE), second, HERE)

    shown = shown_draft(FORM, state.values, second, HERE)

    # All that was typed last and is not empty stands there, as it was typed.
    typed = {id_: value for id_, value in second.items() if id_ in shown}
    assert {id_: shown[id_] for id_ in typed} == typed
    assert state.done >= state.values.keys()
    wrong = {one.field_id for one in problems_of(FORM, second, HERE)}
    assert not wrong & state.values.keys()
