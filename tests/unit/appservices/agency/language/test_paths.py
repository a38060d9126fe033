"""No dead end, no step that cannot be reached: the checker, and generated services played."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from appservices.agency.cases.core.case_json import from_json, to_json
from appservices.agency.cases.core.effects import AskDesk, AskPerson, MakeDocument, TellPerson
from appservices.agency.cases.core.inputs import Approve, Claim, DocumentMade, Refuse, RoomMade
from appservices.agency.cases.core.states import State, TimerKind
from appservices.agency.language.core.definition import (
    DecideStep,
    DocumentStep,
    FormStep,
    MessageStep,
    ReviewStep,
    ServiceDefinition,
    WaitStep,
)
from appservices.agency.language.core.language import read_service
from appservices.agency.language.core.paths import COMBINATIONS_MAX
from appservices.agency.language.core.problems import ServiceFileError
from appservices.agency.language.core.samples import samples_of
from tests.support.long import many
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    CLERK,
    Play,
    dumped,
    filled,
    service,
    service_data,
)

REFUSE: dict[str, Any] = {"step": "decide", "decision": "refuse", "reason": "no_right"}
APPROVE: dict[str, Any] = {"step": "decide", "decision": "approve"}
FORM: dict[str, Any] = {"step": "form"}
REVIEW: dict[str, Any] = {"step": "review"}


def without_desk(*steps: dict[str, Any]) -> ServiceDefinition:
    refuses = any(step.get("decision") == "refuse" for step in steps)
    data = service_data(review=None, steps=list(steps))
    if not refuses:
        del data["refusal"]
    return read_service(dumped(data))


class TestDeadEnds:
    def test_a_case_that_nobody_decides_is_told_with_an_example(self) -> None:
        with pytest.raises(ServiceFileError, match="with zone = 'south' nobody decides"):
            without_desk(FORM, REFUSE | {"if": "zone == 'north' or zone == none"})

    def test_an_unconditional_end_is_enough(self) -> None:
        assert without_desk(FORM, REFUSE | {"if": "zone == 'north'"}, APPROVE).decides

    def test_conditions_that_cover_all_are_enough(self) -> None:
        found = without_desk(
            FORM, REFUSE | {"if": "zone == 'north'"}, APPROVE | {"if": "zone != 'north'"}
        )
        assert found.decides

    def test_conditions_that_seem_to_cover_all_are_not(self) -> None:
        with pytest.raises(ServiceFileError, match="with zone = none nobody decides"):
            without_desk(
                FORM, REFUSE | {"if": "zone == 'north'"}, APPROVE | {"if": "zone == 'south'"}
            )

    def test_what_is_required_is_never_missing(self) -> None:
        form = [
            {
                "id": "zone",
                "kind": "choice",
                "required": True,
                "label": {"en": "Zone"},
                "choices": [{"id": i, "label": {"en": i}} for i in ("north", "south")],
            }
        ]
        steps = [
            FORM,
            REFUSE | {"if": "zone == 'north'"},
            APPROVE | {"if": "zone == 'south'"},
        ]
        assert service(form=form, review=None, steps=steps).decides

    def test_without_any_decision_a_case_is_served(self) -> None:
        assert not without_desk(FORM).decides


class TestUnreachableSteps:
    @each_row(
        "condition",
        [
            "no",
            "zone == 'north' and zone == 'south'",
            "zone == none and zone in ['north']",
            "plate == none",
            "'odd' in flags and flags == none",
            "today < '2020-01-01' and today > '2020-01-01'",
            "files_count < 1 and files_count > 2",
            "files_count > 1 and files_count < 2",
        ],
    )
    def test_a_condition_that_never_holds(self, condition: str) -> None:
        message = {"step": "message", "text": {"en": "x"}, "if": condition}
        review = {
            "desk": "d",
            "decisions": ["approve", "refuse"],
            "flags": [{"id": "odd", "title": {"en": "Odd"}}],
        }
        with pytest.raises(ServiceFileError, match="can never be reached"):
            service(steps=[FORM, message, REVIEW], review=review)

    @each_row(
        "condition",
        [
            "zone == 'north' or zone == 'south'",
            "plate == 'A' and not zone == none",
            "today > '2020-01-01' and today < '2020-01-03'",
            "files_count > 1 and files_count < 3",
        ],
    )
    def test_a_condition_that_can_hold(self, condition: str) -> None:
        message = {"step": "message", "text": {"en": "x"}, "if": condition}
        assert len(service(steps=[FORM, message, REVIEW]).steps) == 3

    def test_flags_are_set_by_the_desk_and_not_before(self) -> None:
        review = {
            "desk": "d",
            "decisions": ["approve", "refuse"],
            "flags": [{"id": "odd", "title": {"en": "Odd"}}],
        }
        early = {"step": "message", "text": {"en": "x"}, "if": "'odd' in flags"}

        assert service(steps=[FORM, REVIEW, early], review=review)
        with pytest.raises(ServiceFileError, match="can never be reached"):
            service(steps=[FORM, early, REVIEW], review=review)

    def test_after_a_sure_refusal_comes_nothing_but_words(self) -> None:
        message = {"step": "message", "text": {"en": "x"}}
        with pytest.raises(ServiceFileError, match="can never be reached"):
            without_desk(FORM, REFUSE, message)
        assert without_desk(FORM, REFUSE, message | {"after": "refused"})


class TestBounds:
    def test_too_many_combinations_are_refused(self) -> None:
        fields = [{"id": f"f{n}", "kind": "text", "label": {"en": f"F {n}"}} for n in range(12)]
        condition = " or ".join(f"f{n} == 'x'" for n in range(12))
        message = {"step": "message", "text": {"en": "x"}, "if": condition}

        assert COMBINATIONS_MAX < 3**12
        with pytest.raises(ServiceFileError, match="too many combinations"):
            service(form=fields, steps=[FORM, message, REVIEW])
        few = message | {"if": " or ".join(f"f{n} == 'x'" for n in range(8))}
        assert service(form=fields, steps=[FORM, few, REVIEW])


CONDITIONS = st.recursive(
    st.sampled_from(
        ["zone == 'north'", "zone == none", "plate == 'A'", "n < 3", "n >= 10", "agreed", "yes"]
    ),
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) and ({})".format, inner, inner),
        st.builds("({}) or ({})".format, inner, inner),
    ),
    max_leaves=4,
)
LATER_STEPS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"step": "message", "text": {"en": "Told."}},
        {"step": "message", "text": {"en": "Sorry."}, "after": "refused"},
        {"step": "wait", "working_days": 2, "because": {"en": "Law."}},
        REFUSE,
        APPROVE,
        REVIEW,
        {"step": "document"},
    ]
)
FORM_FIELDS: list[dict[str, Any]] = [
    {
        "id": "zone",
        "kind": "choice",
        "label": {"en": "Zone"},
        "choices": [{"id": i, "label": {"en": i}} for i in ("north", "south")],
    },
    {"id": "plate", "kind": "text", "label": {"en": "Plate"}, "required": True},
    {"id": "n", "kind": "integer", "label": {"en": "N"}},
    {"id": "agreed", "kind": "yes_no", "label": {"en": "Agreed"}},
]


@st.composite
def services(draw: st.DrawFn) -> ServiceDefinition:
    """Any service that the checker takes, of all steps and with conditions."""
    splits = draw(st.integers(0, 3))
    names = [str(field["id"]) for field in FORM_FIELDS]
    forms: list[dict[str, Any]] = [{"step": "form", "fields": names[: splits + 1]}]
    if splits < 3:
        forms.append({"step": "form"})
    rest: list[dict[str, Any]] = []
    for step in draw(st.lists(LATER_STEPS, max_size=6)):
        condition = draw(st.none() | CONDITIONS)
        rest.append(step if condition is None else step | {"if": condition})
    silence = draw(st.sampled_from(["refused_and_appealable", "approved", "keeps_waiting"]))
    kinds = {step["step"] for step in rest}
    data = service_data(form=FORM_FIELDS, steps=[*forms, *rest])
    data["deadline"]["silence_means"] = silence
    if "document" in kinds:
        data["result"] = {"document": {"template": "x.typ", "title": {"en": "Permit"}}}
    if "review" not in kinds:
        del data["review"]
    if "review" not in kinds and not any(s.get("decision") == "refuse" for s in rest):
        del data["refusal"]
    try:
        return read_service(dumped(data))
    except ServiceFileError:
        assume(False)
        raise


ANSWER_SETS = st.fixed_dictionaries(
    {"plate": st.sampled_from(["A", "B"])},
    optional={
        "zone": st.sampled_from(["north", "south"]),
        "n": st.sampled_from([1, 3, 10]),
        "agreed": st.booleans(),
    },
)
MANY = settings(
    max_examples=many(ordinary=20, long=60),
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def drive(definition: ServiceDefinition, answers: dict[str, Any], *, refuses: bool) -> list[Play]:
    """Play a service to its end with whatever it waits for; every moment of it."""
    play = Play.opened(definition)
    moments = [play]
    for _ in range(40):
        if play.state is State.CLOSED:
            return moments
        play = Play(definition, play.outcome, play.now_ms + 1)
        moments.append(_next(play, answers, refuses=refuses))
    raise AssertionError(f"no end: {play.state}")


def _next(  # noqa: PLR0911 -- one a state
    play: Play, answers: dict[str, Any], *, refuses: bool
) -> Play:
    case = play.outcome.case
    if case.state is State.SUBMITTED and not case.has_room:
        return play.do(RoomMade())
    if case.state is State.DRAFT:
        step = play.definition.steps[case.step]
        assert isinstance(step, FormStep)
        return play.do(filled({key: answers[key] for key in step.fields if key in answers}))
    if case.timer(TimerKind.WAIT):
        return play.ring(TimerKind.WAIT)
    if case.state is State.SUBMITTED:
        return play.do(Claim(CLERK))
    if case.state is State.IN_REVIEW:
        return play.do(Refuse(CLERK, "no_right", "", "No.") if refuses else Approve(CLERK))
    if case.state is State.DECIDED_YES:
        return play.do(DocumentMade("a" * 64, 10))
    return play.ring(TimerKind.CLOSING)


@given(services(), ANSWER_SETS, st.booleans())
@MANY
def test_every_path_of_every_service_ends(
    definition: ServiceDefinition, answers: dict[str, Any], refuses: bool
) -> None:
    moments = drive(definition, answers, refuses=refuses)

    states = [entry.state for entry in moments[-1].outcome.case.history]
    decided = {State.DECIDED_YES, State.DECIDED_NO} & set(states)
    assert moments[-1].state is State.CLOSED
    assert len(decided) <= 1
    if definition.decides:
        assert decided
    assert (State.SERVED in states) is (State.DECIDED_NO not in states)


@given(services(), ANSWER_SETS, st.booleans())
@MANY
def test_in_every_state_somebody_or_some_clock_is_asked(
    definition: ServiceDefinition, answers: dict[str, Any], refuses: bool
) -> None:
    for moment in drive(definition, answers, refuses=refuses):
        assert moment.state is State.CLOSED or moment.outcome.case.timers


@given(services(), ANSWER_SETS, st.booleans())
@MANY
def test_every_case_is_kept_as_json(
    definition: ServiceDefinition, answers: dict[str, Any], refuses: bool
) -> None:
    for moment in drive(definition, answers, refuses=refuses):
        assert from_json(to_json(moment.outcome.case)) == moment.outcome.case


@given(services())
@settings(MANY, max_examples=many(ordinary=10, long=25))
def test_every_step_of_every_service_is_reached_by_some_answers(
    definition: ServiceDefinition,
) -> None:
    """The machine, tried with the samples of the checker, takes every step once."""
    conditions = [step.condition for step in definition.steps if step.condition is not None]
    samples = samples_of(conditions)
    taken: set[int] = set()
    for answers in _combinations(samples):
        for refuses in (False, True):
            if refuses and definition.review is None:
                continue
            taken |= _taken(definition, answers, refuses=refuses)
        if len(taken) == len(definition.steps):
            break
    assert taken == set(range(len(definition.steps)))


def _combinations(samples: dict[str, tuple[object, ...]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"plate": "B"}]
    for name, values in samples.items():
        found = [
            {**one, name: value}
            for one in found
            for value in values
            if not (name == "plate" and value is None)
        ]
    return [{key: value for key, value in one.items() if value is not None} for one in found]


def _taken(definition: ServiceDefinition, answers: dict[str, Any], *, refuses: bool) -> set[int]:
    """Indexes of the steps that a case takes, from what it does at each."""
    moments = drive(definition, answers, refuses=refuses)
    effects = [effect for moment in moments for effect in moment.outcome.effects]
    told = [e.doc for e in effects if isinstance(e, TellPerson)]
    words = [str(doc) for doc in told]
    marks = {
        "Told.": any("Told." in one for one in words),
        "Sorry.": any("Sorry." in one for one in words),
    }
    history = moments[-1].outcome.case.history
    happened = {entry.happened.value for entry in history}
    found = set()
    for index, step in enumerate(definition.steps):
        match step:
            case FormStep(fields=fields):
                found |= (
                    {index} if any(isinstance(e, AskPerson) for e in effects) and fields else set()
                )
            case MessageStep(text=text):
                found |= {index} if marks[text.text("en")] else set()
            case ReviewStep():
                found |= {index} if "claimed" in happened else set()
            case DecideStep(reason=reason):
                by_rule = "refused_by_rule" if reason else "approved_by_rule"
                found |= {index} if by_rule in happened else set()
            case DocumentStep():
                found |= {index} if any(isinstance(e, MakeDocument) for e in effects) else set()
            case WaitStep():
                found |= {index} if "waits" in happened else set()
    assert any(isinstance(e, AskDesk) for e in effects) or "claimed" not in happened
    return found
