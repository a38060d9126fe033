"""The product of all states and inputs: each pair is a transition, or refused in words."""

from __future__ import annotations

import functools
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appservices.agency.cases.core.case import HISTORY_MAX, Case, Fee, FeeState, HistoryEntry
from appservices.agency.cases.core.case_json import from_json, to_json
from appservices.agency.cases.core.effects import (
    Party,
    RecordHistory,
    RefusalReason,
    Refused,
    UpdateCard,
)
from appservices.agency.cases.core.inputs import (
    AddFile,
    AllSigned,
    Answers,
    Approve,
    AskHuman,
    AskMore,
    Assign,
    Call,
    CallConfirmed,
    Claim,
    DeskAnswers,
    DocumentFailed,
    DocumentMade,
    Export,
    FeeAsked,
    FeeFailed,
    FeePaid,
    FeeRefunded,
    FlagCase,
    Input,
    InputKind,
    LegallyServed,
    NotSigned,
    Refuse,
    Reply,
    Retry,
    Return,
    RoomMade,
    SignaturesAsked,
    SigningFailed,
    Status,
    TimerFired,
    Why,
    Withdraw,
    Write,
)
from appservices.agency.cases.core.states import UNREACHED, WITH_OFFICE, Happened, State, TimerKind
from appservices.agency.language.core.definition import Decision, ServiceDefinition
from appservices.agency.offices.core.office import Role
from appservices.agency.workflow.core.machine import step
from appservices.agency.workflow.core.reference import reference
from appservices.agency.workflow.core.table import PERSON_KINDS, STAFF_KINDS, TABLE, mermaid
from tests.support.long import many
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import (
    ANSWERS,
    AUDITOR,
    CLERK,
    HEAD,
    NOW_MS,
    ROOT,
    SECOND,
    Play,
    approved,
    claimed,
    context,
    example,
    filled,
    served,
    service,
    service_data,
    submitted,
    typed,
)
from veche.protocol.forms.state import Filled, Pressed, Said, Sent
from veche.protocol.inbound import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.agency.cases.core.turn import Outcome

SESSION: Final = "01KAV3Z8K4Q6V5W7X9Y0A1B2C3"
FILE: Final = {
    "msgtype": "m.file",
    "body": "a.pdf",
    "url": "mxc://example.org/a",
    "info": {"mimetype": "application/pdf", "size": 10},
}


def _writing() -> Play:
    return claimed().do(Write(CLERK, Decision.REFUSE))


def _asked() -> Play:
    return claimed().do(AskMore(CLERK, "Which school?"))


def _first_approval() -> Play:
    return claimed(data={**ANSWERS, "reason": "court"}).do(Approve(CLERK))


def _failed() -> Play:
    return approved().do(DocumentFailed("broken"))


def _refused() -> Play:
    return claimed().do(Refuse(CLERK, "no_right", "", "Not a parent."))


@functools.cache
def winding() -> ServiceDefinition:
    """A service with every kind of step."""
    wait = {"step": "wait", "working_days": 1, "because": {"en": "Law."}}
    told = {"step": "message", "text": {"en": "Told."}}
    return service(
        result={"document": {"template": "x.typ", "title": {"en": "Permit"}}},
        steps=[
            {"step": "form", "fields": ["plate"]},
            told,
            {"step": "form", "fields": ["zone"], "if": "plate != 'B'"},
            wait,
            {"step": "decide", "decision": "refuse", "reason": "no_right", "if": "plate == 'C'"},
            {"step": "review"},
            wait,
            {"step": "document"},
            told,
            {**told, "after": "refused"},
        ],
    )


@functools.cache
def paying() -> ServiceDefinition:
    """A service with a fee before the review, one as high as the person says, and one after."""
    pay = {
        "step": "pay",
        "amount": "12.00 EUR",
        "purpose": {"en": "Fee"},
        "law": "Fees Act, section 3",
        "due_days": 14,
    }
    form = [
        *service_data()["form"],
        {"id": "gift", "kind": "money", "currency": "EUR", "label": {"en": "Gift"}},
    ]
    return service(
        form=form,
        result={"document": {"template": "x.typ", "title": {"en": "Permit"}}},
        steps=[
            {"step": "form"},
            {**pay, "unpaid": "refuse", "reason": "no_right"},
            {**pay, "amount": "gift"},
            {"step": "review"},
            pay,
            {"step": "document"},
        ],
    )


@functools.cache
def signing() -> ServiceDefinition:
    """A service whose document the person and the clerk sign."""
    sign = {"step": "sign", "by": ["person", "clerk"], "law": "Permits Act", "due_days": 14}
    return service(
        result={"document": {"template": "x.typ", "title": {"en": "Permit"}}},
        steps=[{"step": "form"}, {"step": "review"}, sign],
    )


def _signing() -> Play:
    return claimed(signing(), {"plate": "A"}).do(Approve(CLERK))


def _sent() -> Play:
    return _signing().do(SignaturesAsked(1, SESSION))


def _paying(data: Mapping[str, object] = MappingProxyType({"plate": "A"})) -> Play:
    return Play.opened(paying()).do(filled(data), RoomMade())


def _paid() -> Play:
    return _paying().do(FeeAsked(1, "RF18", "https://example.org/pay"), FeePaid(1))


def _paying_late() -> Play:
    return _paid().do(Claim(CLERK), Approve(CLERK))


def _paid_and_refused() -> Play:
    return _paid().do(Claim(CLERK), Refuse(CLERK, "no_right", "", "No."))


def _silently_approved(**changes: Any) -> Play:
    deadline = {**service_data()["deadline"], "silence_means": "approved"}
    play = Play.opened(service(deadline=deadline, **changes)).do(filled({"plate": "A"}))
    return play.ring(TimerKind.OVERDUE).ring(TimerKind.EXPIRY)


def _waiting() -> Play:
    words = ("A", "submit", "skip", "submit")
    return Play.opened(winding()).do(*(typed(word) for word in words), RoomMade())


CASES: Final[Mapping[str, Callable[[], Play]]] = {
    "draft": Play.opened,
    "no room": lambda: Play.opened().do(filled(ANSWERS)),
    "no room, silent": lambda: (
        Play.opened().do(filled(ANSWERS)).ring(TimerKind.OVERDUE).ring(TimerKind.EXPIRY)
    ),
    "no room, withdrawn": lambda: Play.opened().do(filled(ANSWERS), Withdraw(is_confirmed=True)),
    "no room, served": _silently_approved,
    "no room, approved": lambda: _silently_approved(
        result={"document": {"template": "x.typ", "title": {"en": "Permit"}}}
    ),
    "waits": _waiting,
    "waits, approved": lambda: _waiting().ring(TimerKind.WAIT).do(Claim(CLERK), Approve(CLERK)),
    "pays": _paying,
    "pays, asks": lambda: _paying().do(AskHuman("How?")),
    "pays by an invoice": lambda: _paying().do(FeeAsked(1, "RF18", None)),
    "pays, failed": lambda: _paying().do(FeeFailed(1, "no account")),
    "pays a gift too": lambda: _paying(
        {"plate": "A", "gift": {"minor": 500, "currency": "EUR"}}
    ).do(FeePaid(1)),
    "pays, approved": _paying_late,
    "paid": _paid,
    "paid, refused": _paid_and_refused,
    "paid, refunded": lambda: _paid_and_refused().do(FeeRefunded(1)),
    "paid, refused, closed": lambda: _paid_and_refused().ring(TimerKind.CLOSING),
    "paid, withdrawn": lambda: _paid().do(Withdraw(is_confirmed=True)),
    "unpaid, approved": lambda: _paying_late().ring(TimerKind.EXPIRY),
    "unpaid": lambda: _paying().ring(TimerKind.EXPIRY),
    "to be signed": _signing,
    "to be signed, failed": lambda: _signing().do(SigningFailed(1, "no seal")),
    "being signed": _sent,
    "being signed, asks": lambda: _sent().do(AskHuman("How?")),
    "signed": lambda: _sent().do(AllSigned(1, SESSION)),
    "signed, failed": lambda: _sent().do(AllSigned(1, SESSION), DocumentFailed("gone")),
    "not signed": lambda: _sent().do(NotSigned(1, SESSION, is_late=False)),
    "signed too late": lambda: _sent().ring(TimerKind.EXPIRY),
    "half filled": lambda: Play.opened().do(typed("Anna")),
    "submitted": submitted,
    "submitted, asks": lambda: submitted().do(AskHuman("When?")),
    "overdue": lambda: submitted().ring(TimerKind.OVERDUE),
    "claimed": claimed,
    "claimed, overdue": lambda: claimed().ring(TimerKind.OVERDUE),
    "writing": _writing,
    "first approval": _first_approval,
    "second": lambda: _first_approval().do(Claim(SECOND)),
    "asked": _asked,
    "asked, given back": lambda: _asked().do(Return(CLERK)),
    "approved": approved,
    "failed": _failed,
    "refused": _refused,
    "silent": lambda: submitted().ring(TimerKind.OVERDUE).ring(TimerKind.EXPIRY),
    "served": served,
    "withdrawn": lambda: submitted().do(Withdraw(is_confirmed=True)),
    "withdrawn, no room": lambda: Play.opened().do(Withdraw(is_confirmed=True)),
    "expired": lambda: Play.opened().ring(TimerKind.EXPIRY),
    "closed": lambda: served().ring(TimerKind.CLOSING),
    "closed, no room": lambda: Play.opened().ring(TimerKind.EXPIRY).ring(TimerKind.CLOSING),
    "draft, asks": lambda: Play.opened().do(AskHuman("How?")),
    "claimed, asks": lambda: claimed().do(AskHuman()),
    "asked, asks": lambda: _asked().do(AskHuman()),
    "approved, asks": lambda: approved().do(AskHuman()),
    "refused, asks": lambda: _refused().do(AskHuman("Why?")),
    "served, asks": lambda: served().do(AskHuman()),
}


@functools.cache
def case_of(name: str) -> Play:
    """A case by its name; no input leads to ``appealed``, a damaged row might."""
    if name == "appealed":
        play = CASES["claimed"]()
        case = attrs.evolve(play.outcome.case, state=State(name))
        return attrs.evolve(play, outcome=attrs.evolve(play.outcome, case=case))
    return CASES[name]()


ALL_CASES: Final = (*CASES, "appealed")
"""Cases in every state, some states in several ways."""


def inputs(case: Case) -> list[Input]:
    """Every input, with right and with wrong values."""
    staff: list[Input] = []
    for by in (CLERK, SECOND, HEAD, AUDITOR):
        staff += [
            Claim(by), Return(by), Assign(by, "clerk-2"), FlagCase(by, "name_mismatch"),
            FlagCase(by, "other"), Write(by, Decision.REFUSE), Write(by, Decision.ASK_MORE),
            DeskAnswers(by, Said("1")), DeskAnswers(by, Said("cancel")),
            DeskAnswers(by, Sent(FILE)),
            DeskAnswers(by, Filled({"reason": "no_right", "text": "No."}, is_final=True)),
            AskMore(by, "Which?"), AskMore(by, " "), Approve(by), Retry(by), Reply(by, "Soon."),
            Refuse(by, "no_right", "", "No."), Refuse(by, "nothing", "", "No."),
            Refuse(by, "no_right", "", ""), Reply(by, "x" * 5_000), Call(by),
        ]  # fmt: skip
    person: list[Input] = [
        typed("Anna"), typed("C"), typed("submit"), typed("cancel"), typed(""),
        Answers(Pressed("court")), Answers(Sent(FILE)),
        filled(), filled({}), filled(ANSWERS, Trust.ANY), filled({"text": "More."}),
        Withdraw(), Withdraw(is_confirmed=True), Status(), Why(), AskHuman(), AskHuman("When?"),
        AddFile(FILE, trust=Trust.E2EE), AddFile({}, trust=Trust.E2EE), AddFile(FILE), Export(),
        CallConfirmed(),
    ]  # fmt: skip
    clocks: list[Input] = []
    for kind in TimerKind:
        timer = case.timer(kind)
        clocks += [TimerFired(kind, timer.serial if timer else 1), TimerFired(kind, -1)]
    machines: list[Input] = [
        RoomMade(), DocumentMade("a" * 64, 10), DocumentFailed("broken"),
        LegallyServed(NOW_MS, None), LegallyServed(NOW_MS, "a law"),
    ]  # fmt: skip
    for number in (1, 2, 9):
        machines += [
            FeeAsked(number, "RF18", None), FeeFailed(number, "no account"), FeePaid(number),
            FeeRefunded(number),
        ]  # fmt: skip
        machines += [
            SignaturesAsked(number, SESSION), SigningFailed(number, "no"),
            AllSigned(number, SESSION), NotSigned(number, SESSION, is_late=True),
            NotSigned(number, SESSION, is_late=False),
        ]  # fmt: skip
    return [*person, *staff, *clocks, *machines]


def check_refusal(case: Case, heard: Input, outcome: Outcome) -> None:
    refused = outcome.refusal
    assert refused is not None
    assert outcome.case is case
    assert outcome.effects == (refused,)
    if heard.kind in PERSON_KINDS:
        assert refused.party is Party.PERSON
    elif heard.kind in STAFF_KINDS:
        assert refused.party is Party.STAFF
    else:
        assert refused.party is Party.NOBODY
    assert bool(refused.doc) is (refused.party is not Party.NOBODY)


def check_transition(case: Case, heard: Input, outcome: Outcome) -> None:
    after = outcome.case
    assert after.state in TABLE[case.state, heard.kind].leads_to
    assert not any(isinstance(effect, Refused) for effect in outcome.effects)
    # The history only grows, and each entry of it is told to the shell.
    assert after.history[: len(case.history)] == case.history
    new = after.history[len(case.history) :]
    told = [e.entry for e in outcome.effects if isinstance(e, RecordHistory)]
    assert list(new) == told
    assert all(entry.at_ms == outcome_now(after, case) for entry in new) or not new
    if after.state is not case.state:
        assert new
        assert new[-1].state is after.state
        assert not after.has_room or any(isinstance(e, UpdateCard) for e in outcome.effects)
    assert after.serial == case.serial + 1
    assert from_json(to_json(after)) == after


def outcome_now(after: Case, before: Case) -> int:
    return after.history[len(before.history)].at_ms


@each_row("name", ALL_CASES)
def test_each_pair_is_a_transition_or_refused(name: str) -> None:
    play = case_of(name)
    case = play.outcome.case
    seen: set[InputKind] = set()
    for heard in inputs(case):
        now_ms = max([NOW_MS, *(entry.at_ms for entry in case.history)]) + 1
        outcome = step(play.definition, case, heard, context(now_ms))

        seen.add(heard.kind)
        if (case.state, heard.kind) not in TABLE or outcome.refusal is not None:
            check_refusal(case, heard, outcome)
        else:
            check_transition(case, heard, outcome)
    assert seen == set(InputKind)


def test_the_cases_stand_in_every_state() -> None:
    assert {case_of(name).state for name in ALL_CASES} == set(State)


def test_every_row_of_the_table_is_taken_by_some_input() -> None:
    taken: set[tuple[State, InputKind]] = set()
    for play in map(case_of, ALL_CASES):
        case = play.outcome.case
        for heard in inputs(case):
            if step(play.definition, case, heard, context(NOW_MS)).refusal is None:
                taken.add((case.state, heard.kind))
    assert set(TABLE) - taken == set()


def test_every_state_is_left_or_the_end() -> None:
    for state in set(State) - UNREACHED - {State.CLOSED}:
        leads_to = {to for (at, _), row in TABLE.items() if at is state for to in row.leads_to}
        assert leads_to - {state}, state


def test_no_way_leads_to_the_states_of_later_parts() -> None:
    targets = {to for (at, _), row in TABLE.items() if at not in UNREACHED for to in row.leads_to}
    assert not UNREACHED & targets


def test_from_every_state_the_end_can_be_reached() -> None:
    reaches_end = {State.CLOSED}
    for _ in State:
        reaches_end |= {at for (at, _), row in TABLE.items() if row.leads_to & reaches_end}
    assert reaches_end == set(State) - UNREACHED


class TestAlwaysPossible:
    @each_row("name", ALL_CASES)
    @each_row("heard", [Status(), Why(), Export()])
    def test_the_person_can_always_look(self, name: str, heard: Input) -> None:
        play = case_of(name)
        outcome = step(play.definition, play.outcome.case, heard, context())
        assert outcome.refusal is None

    @pytest.mark.parametrize("state", [State.SUBMITTED, State.IN_REVIEW, State.NEEDS_MORE])
    def test_what_is_not_decided_can_be_taken_back(self, state: State) -> None:
        assert State.WITHDRAWN in TABLE[state, InputKind.WITHDRAW].leads_to


def test_the_same_input_gives_the_same_outcome() -> None:
    play = claimed()
    heard = Refuse(CLERK, "no_right", "", "No.")
    first = step(example(), play.outcome.case, heard, context())
    assert step(example(), play.outcome.case, heard, context()) == first


def test_a_clock_that_was_set_anew_means_nothing() -> None:
    play = submitted()
    timer = play.outcome.case.timer(TimerKind.OVERDUE)
    assert timer is not None
    play.do(Claim(CLERK), AskMore(CLERK, "Which?"), filled({"text": "This."}))
    outcome = play.do(TimerFired(TimerKind.OVERDUE, timer.serial)).outcome

    assert outcome.refusal is not None
    assert outcome.refusal.reason is RefusalReason.STALE


def _long(case: Case, length: int) -> Case:
    entry = HistoryEntry(NOW_MS, Role.CLERK, case.state, Happened.CLAIMED)
    missing = length - len(case.history)
    return attrs.evolve(case, history=(*case.history, *[entry] * missing))


class TestTheHistoryHasABound:
    @each_row(
        "heard", [Return(CLERK), AskMore(CLERK, "Which?"), Reply(CLERK, "Soon."), AskHuman("When?")]
    )
    def test_what_only_makes_it_longer(self, heard: Input) -> None:
        case = claimed().outcome.case

        one_left = step(example(), _long(case, HISTORY_MAX - 1), heard, context())
        full = step(example(), _long(case, HISTORY_MAX), heard, context())

        assert one_left.refusal is None
        assert full.refusal is not None
        assert full.refusal.reason is RefusalReason.TOO_MANY

    @pytest.mark.parametrize(
        "heard",
        [Approve(CLERK), Refuse(CLERK, "no_right", "", "No."), Withdraw(is_confirmed=True)],
    )
    def test_what_ends_the_case_is_always_done(self, heard: Input) -> None:
        case = _long(claimed().outcome.case, HISTORY_MAX)
        assert step(example(), case, heard, context()).refusal is None

    def test_handing_up_goes_on_for_ever_without_a_word_more(self) -> None:
        case = _long(approved().outcome.case, HISTORY_MAX)
        timer = case.timer(TimerKind.OVERDUE)
        assert timer is not None
        outcome = step(example(), case, TimerFired(TimerKind.OVERDUE, timer.serial), context())

        assert outcome.refusal is None
        assert len(outcome.case.history) == HISTORY_MAX


class TestThePage:
    def test_it_is_what_the_table_says(self) -> None:
        page = Path(ROOT, "docs/reference/case-states.md").read_text()
        assert page == reference(), (
            "python -c 'from appservices.agency.workflow.core.reference import reference;"
            ' print(reference(), end="")\' >docs/reference/case-states.md'
        )

    def test_the_diagram_begins_and_ends(self) -> None:
        diagram = mermaid()
        assert diagram.startswith("stateDiagram-v2\n    [*] --> draft\n")
        assert diagram.endswith("    closed --> [*]")
        assert "    in_review --> decided_no: refuse" in diagram
        assert "    paying --> submitted: fee_paid" in diagram
        assert "appealed" not in diagram


NO_END: Final = frozenset({State.DECIDED_NO, State.WITHDRAWN, State.EXPIRED})
"""Where the office may have nothing that the person paid."""
SEQUENCES = st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=15)


@pytest.mark.parametrize(
    "definition", [example(), winding(), paying()], ids=["example", "winding", "paying"]
)
@given(choices=SEQUENCES)
@settings(max_examples=many(ordinary=15, long=40), deadline=None)
def test_any_sequence_of_inputs_keeps_the_rules(
    definition: ServiceDefinition, choices: list[tuple[int, bool]]
) -> None:
    play = Play.opened(definition)
    for number, is_useful in choices:
        play.now_ms += 3_600_000
        possible = inputs(play.outcome.case)
        if is_useful:
            # Most inputs are refused most of the time; these lead further.
            possible = [heard for heard in possible if _changes(play, heard)] or possible
        play.do(possible[number % len(possible)])
        after = play.outcome.case

        assert after.state not in UNREACHED
        assert after.state is State.CLOSED or after.timers
        assert (after.refusal is None) or after.refusal.appeal_until_ms > 0
        assert after.state is not State.DECIDED_NO or after.refusal is not None
        assert after.clerk is None or after.state in {State.IN_REVIEW, State.NEEDS_MORE}
        assert (after.fee is not None) is (after.state is State.PAYING)
        assert after.state not in NO_END or not _kept(after)
        is_waiting = after.timer(TimerKind.WAIT) is not None
        assert (after.due_at_ms is not None) is (after.state in WITH_OFFICE and not is_waiting)


def _kept(case: Case) -> list[Fee]:
    """Fees that the office has, or still asks for."""
    return [fee for fee in case.fees if fee.state in {FeeState.ASKED, FeeState.PAID}]


def _changes(play: Play, heard: Input) -> bool:
    case = play.outcome.case
    return step(play.definition, case, heard, context(play.now_ms)).case.state is not case.state
