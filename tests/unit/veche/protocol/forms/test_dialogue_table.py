"""The dialogue's table: every event in every mode, no value lost, and always an end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.long import many
from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import person
from tests.unit.veche.protocol.forms.talk import ALL, FILE, FORM, NAMES, Talk
from veche.protocol.forms.dialogue import RULES, Event, mermaid, start, step
from veche.protocol.forms.problems import Problem
from veche.protocol.forms.state import (
    Ask,
    Cancelled,
    Completed,
    Filled,
    FormState,
    Input,
    Mode,
    Output,
    Pressed,
    Review,
    Said,
    Sent,
)

if TYPE_CHECKING:
    from veche.protocol.forms.values import Value

HEARD: dict[Event, tuple[Input, ...]] = {
    Event.ANSWER: (
        Said("Anna"), Said("24.12.1990"), Said("1"), Said("yes"), Said(""), Sent(FILE), Sent({}),
        Sent(FILE, Problem.FILE_GONE, "paper"),
        Pressed("red"), Pressed("form.nothing"),
    ),
    Event.FILLED: (
        Filled({}), Filled(ALL), Filled(ALL, is_final=True), Filled({"name": 5}),
        Filled({"name": "", "note": ""}), Filled({"x": 1}, is_final=True),
        Sent(FILE, field_id="paper"), Sent({}, field_id="note"), Sent(FILE, field_id="x"),
    ),
    Event.BACK: (Said("back"), Pressed("form.back")),
    Event.CANCEL: (Said("cancel"), Pressed("form.cancel")),
    Event.REVIEW: (Said("review"), Pressed("form.review")),
    Event.SKIP: (Said("skip"), Said("-"), Pressed("form.skip")),
    Event.CLEAR: (Said("clear"), Pressed("form.clear")),
    Event.EDIT: (Said("edit 3"), Said("edit"), Pressed("form.edit.name"), Pressed("form.edit")),
    Event.SUBMIT: (Said("submit"), Pressed("form.submit")),
}  # fmt: skip
VALUES: list[dict[str, Value]] = [
    {},
    {"name": "Anna", "note": "x"},
    {"name": "Anna", "born_on": "1990-12-24", "paper": {"mxc": "x"}, "agreed": True},
]


def test_the_table_has_every_event_in_every_mode() -> None:
    assert set(RULES) == {(mode, event) for mode in Mode for event in Event}
    assert set(HEARD) == set(Event)


@each_row("mode", Mode)
@each_row("event", Event)
@each_row("position", range(len(NAMES)))
@each_row("values", VALUES)
def test_every_event_in_every_mode_leads_where_the_table_says(
    mode: Mode, event: Event, position: int, values: dict[str, Value]
) -> None:
    state = FormState(values, position, mode, 7, frozenset(values))
    for heard in HEARD[event]:
        after, said = step(FORM, state, heard, person())

        is_word = isinstance(heard, Said) and mode is not Mode.REVIEW
        as_answer = is_word and event in {Event.EDIT, Event.SUBMIT}
        rule = RULES[mode, Event.ANSWER if as_answer else event]
        assert after.mode in rule.leads_to
        assert after.started_at_ms == 7
        assert bool(said) == (mode not in {Mode.COMPLETED, Mode.CANCELLED})
        if event not in {Event.CLEAR, Event.FILLED}:
            assert set(after.values) >= set(values)
        fits(after, said)


def fits(state: FormState, said: tuple[Output, ...]) -> None:
    """What was said last is what the state waits for."""
    if not said:
        return
    last = said[-1]
    if isinstance(last, Ask):
        assert state.mode in {Mode.FILLING, Mode.EDITING}
        assert last.field is FORM.fields[state.position]
        assert (last.number, last.count) == (state.position + 1, len(FORM.fields))
        assert last.value == state.values.get(last.field.id)
    elif isinstance(last, Review):
        assert state.mode is Mode.REVIEW
        assert dict(last.values) == dict(state.values)
    elif isinstance(last, Completed):
        assert state.mode is Mode.COMPLETED
        assert all(field.id in last.values for field in FORM.fields if field.required)
    elif isinstance(last, Cancelled):
        assert state.mode is Mode.CANCELLED


inputs = st.one_of(
    st.sampled_from([heard for some in HEARD.values() for heard in some]),
    st.builds(Said, st.text(max_size=20)),
    st.builds(Pressed, st.text(max_size=20)),
    st.builds(
        Filled,
        st.dictionaries(
            st.sampled_from([*NAMES, "x"]), st.one_of(st.none(), st.text(), st.just(FILE))
        ),
        st.booleans(),
    ),
    st.builds(Sent, st.dictionaries(st.text(max_size=5), st.text(max_size=5))),
)
RIGHT: dict[str, Input] = {
    "name": Said("Anna"),
    "born_on": Said("24.12.1990"),
    "colours": Said("1"),
    "note": Said("a note"),
    "paper": Sent(FILE),
    "agreed": Said("yes"),
}


@settings(max_examples=many(ordinary=60, long=200))
@given(talked=st.lists(inputs, max_size=15))
def test_no_value_is_lost_and_the_dialogue_always_ends(talked: list[Input]) -> None:
    talk = Talk()
    for heard in talked:
        before = dict(talk.state.values)
        said = talk.hears(heard)
        fits(talk.state, said)
        lost = set(before) - set(talk.state.values)
        # Only what the person emptied goes, one answer or those of a page, and none that is needed.
        assert lost <= {"colours", "note"}
        if not isinstance(heard, Filled):
            assert len(lost) <= 1
            assert not lost or heard in HEARD[Event.CLEAR]

    steps = 0
    while talk.state.mode not in {Mode.COMPLETED, Mode.CANCELLED}:
        talk.hears(Said("submit") if talk.asked == "review" else RIGHT[talk.asked])
        steps += 1
        assert steps <= 2 * len(NAMES) + 3
    assert talk.hears("x") == ()


@given(talked=st.lists(inputs, max_size=10))
def test_a_step_depends_on_nothing_but_its_arguments(talked: list[Input]) -> None:
    state, _ = start(FORM, started_at_ms=7)
    for heard in talked:
        kept = json.dumps(state.to_json())
        one, other = step(FORM, state, heard, person()), step(FORM, state, heard, person())
        assert repr(one) == repr(other)
        assert json.dumps(state.to_json()) == kept
        state = one[0]


def test_the_diagram_shows_every_way() -> None:
    lines = mermaid().splitlines()

    assert lines[:2] == ["stateDiagram-v2", "    [*] --> filling"]
    assert "    review --> completed: submit" in lines
    assert "    editing --> review: back" in lines
    assert "    completed --> [*]" in lines
    assert len(lines) == len(set(lines))
