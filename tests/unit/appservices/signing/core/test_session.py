"""Sessions: the whole table, and parties in any order."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.sessions.core.parties import (
    CAN_ACT,
    PARTIES_MAX,
    STAGES_MAX,
    Party,
    PartyState,
    Plan,
    PlanError,
    PlanProblem,
    Progress,
    Role,
    Stage,
    check_plan,
)
from appservices.signing.sessions.core.session import (
    BROKEN_OFF,
    ENDED,
    TABLE,
    Effect,
    Input,
    NotNowError,
    State,
    mermaid,
    step,
)
from tests.support.tables import each_row

if TYPE_CHECKING:
    from collections.abc import Sequence


@each_row(("state", "happened"), [*itertools.product(State, Input)])
def test_what_is_not_in_the_table_is_refused(state: State, happened: Input) -> None:
    if (state, happened) in TABLE:
        after = step(state, happened)
        assert (after.state, after.effects) == TABLE[state, happened]
    else:
        with pytest.raises(NotNowError) as refused:
            step(state, happened)
        assert refused.value.details == {"state": state.value}


def test_39_of_119_pairs_can_happen() -> None:
    assert len(list(itertools.product(State, Input))) == 119
    assert len(TABLE) == 39


def test_every_state_is_reached_from_a_draft() -> None:
    reached = {State.DRAFT}
    for _ in State:
        reached |= {after for (state, _), (after, _) in TABLE.items() if state in reached}

    assert reached == set(State)


def test_an_end_is_final_and_what_was_signed_is_closed() -> None:
    for (state, _), (after, effects) in TABLE.items():
        if state in ENDED:
            assert after is state
        if after in BROKEN_OFF and state is State.OPEN:
            assert {Effect.TELL_EVERYONE, Effect.STOP_CLOCKS, Effect.SEAL} <= set(effects)


def test_the_diagram_has_each_change_of_state() -> None:
    changes = [pair for pair, (after, _) in TABLE.items() if pair[0] is not after]

    assert mermaid().count("-->") == len(changes) + 1 + len(ENDED)


def plan_of(*stages: tuple[Sequence[Party], int | None]) -> Plan:
    parties = {one.id: one for held, _ in stages for one in held}
    return Plan(parties, tuple(Stage(tuple(one.id for one in held), need) for held, need in stages))


def signers(*names: str) -> list[Party]:
    return [Party(name, Role.SIGNER) for name in names]


def test_stages_open_one_after_the_other() -> None:
    plan = plan_of((signers("a"), None), (signers("b", "c"), None))
    check_plan(plan)

    plan, first = plan.invited()
    plan = plan.with_state("a", PartyState.SIGNED)
    progress = plan.progress(0)
    plan, second = plan.invited()

    assert (first, progress, second) == (("a",), Progress.STAGE_DONE, ("b", "c"))


def test_two_of_five_are_enough_and_the_rest_are_excused() -> None:
    plan, _ = plan_of((signers("a", "b", "c", "d", "e"), 2)).invited()
    plan = plan.with_state("b", PartyState.SIGNED)
    assert plan.progress(0) is Progress.GOES_ON

    plan = plan.with_state("e", PartyState.SIGNED)

    assert plan.progress(0) is Progress.ALL_DONE
    after = plan.excused(0)
    assert [after.parties[one].state for one in "abcde"] == [
        PartyState.EXCUSED,
        PartyState.SIGNED,
        PartyState.EXCUSED,
        PartyState.EXCUSED,
        PartyState.SIGNED,
    ]


def test_a_stage_is_impossible_when_too_few_can_still_sign() -> None:
    plan, _ = plan_of((signers("a", "b", "c"), 2)).invited()

    plan = plan.with_state("a", PartyState.DECLINED)
    assert plan.progress(0) is Progress.GOES_ON
    plan = plan.with_state("b", PartyState.LAPSED)
    assert plan.progress(0) is Progress.IMPOSSIBLE


def test_a_witness_signs_after_whom_they_witness_and_then_it_counts() -> None:
    witness = Party("w", Role.WITNESS, of="a")
    plan = plan_of(([*signers("a"), witness], None))
    check_plan(plan)

    plan, first = plan.invited()
    plan = plan.with_state("a", PartyState.SIGNED)
    assert (first, plan.progress(0)) == (("a",), Progress.GOES_ON)
    plan, then = plan.invited()
    assert then == ("w",)
    assert plan.with_state("w", PartyState.SIGNED).progress(0) is Progress.ALL_DONE
    assert plan.with_state("w", PartyState.DECLINED).progress(0) is Progress.IMPOSSIBLE


def test_a_delegate_acts_in_place_of_the_other() -> None:
    plan, _ = plan_of((signers("a"), None)).invited()
    plan = plan.with_state("a", PartyState.DELEGATED)
    plan = Plan(
        {**plan.parties, "d": Party("d", Role.SIGNER, PartyState.INVITED)}, (Stage(("a", "d")),)
    )

    assert plan.progress(0) is Progress.GOES_ON
    assert plan.with_state("d", PartyState.SIGNED).progress(0) is Progress.ALL_DONE
    assert plan.with_state("d", PartyState.DECLINED).progress(0) is Progress.IMPOSSIBLE


@each_row(
    ("plan", "problem"),
    [
        (Plan({}, ()), PlanProblem.NOBODY_SIGNS),
        (plan_of(([], None)), PlanProblem.NEED),
        (plan_of((signers("a"), 2)), PlanProblem.NEED),
        (plan_of((signers("a"), 0)), PlanProblem.NEED),
        (plan_of(([Party("v", Role.VIEWER)], None)), PlanProblem.NOT_IN_ONE_STAGE),
        (plan_of((signers("a"), None), (signers("a"), None)), PlanProblem.NOT_IN_ONE_STAGE),
        (Plan({"a": Party("a", Role.SIGNER)}, (Stage(("b",)),)), PlanProblem.NOT_IN_ONE_STAGE),
        (plan_of(([Party("w", Role.WITNESS, of="x")], None)), PlanProblem.WITNESS),
        (plan_of(([*signers("a"), Party("w", Role.WITNESS)], None)), PlanProblem.WITNESS),
        (plan_of(([Party("a", Role.SIGNER, of="b"), *signers("b")], None)), PlanProblem.WITNESS),
        (
            plan_of((signers("a"), None), ([Party("w", Role.WITNESS, of="a")], None)),
            PlanProblem.WITNESS,
        ),
        (
            plan_of((signers(*(str(one) for one in range(PARTIES_MAX + 1))), None)),
            PlanProblem.TOO_MANY,
        ),
        (
            plan_of(*((signers(str(one)), None) for one in range(STAGES_MAX + 1))),
            PlanProblem.TOO_MANY,
        ),
    ],
)
def test_a_plan_that_is_none_is_refused(plan: Plan, problem: PlanProblem) -> None:
    with pytest.raises(PlanError) as refused:
        check_plan(plan)

    assert refused.value.problem is problem


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    stages: list[tuple[list[Party], int | None]] = []
    for at in range(draw(st.integers(1, 4))):
        held = signers(*(f"s{at}.{one}" for one in range(draw(st.integers(1, 5)))))
        seen = draw(st.lists(st.sampled_from([one.id for one in held]), max_size=2))
        witnesses = [
            Party(f"w{at}.{one}", Role.WITNESS, of=party) for one, party in enumerate(seen)
        ]
        need = draw(st.none() | st.integers(1, len(held)))
        stages.append(([*held, *witnesses], need))
    return plan_of(*stages)


@given(plans(), st.data())
def test_a_session_is_never_stuck_and_never_done_without_enough(
    plan: Plan, data: st.DataObject
) -> None:
    check_plan(plan)
    plan, invited = plan.invited()
    told = list(invited)
    progress = Progress.GOES_ON
    while progress in (Progress.GOES_ON, Progress.STAGE_DONE):
        can = [one.id for one in plan.parties.values() if one.state in CAN_ACT]
        assert can, "nobody can go on"
        at = plan.open_stage()
        assert at is not None
        acts = [PartyState.SIGNED, PartyState.DECLINED, PartyState.LAPSED, PartyState.VIEWED]
        did = data.draw(st.sampled_from(acts))
        who = data.draw(st.sampled_from(can))
        if did is PartyState.VIEWED and plan.parties[who].state is PartyState.VIEWED:
            did = PartyState.SIGNED
        plan = plan.with_state(who, did)
        progress = plan.progress(at)
        if progress in (Progress.STAGE_DONE, Progress.ALL_DONE):
            plan = plan.excused(at)
        plan, invited = plan.invited()
        told += invited

    assert len(told) == len(set(told)), "somebody was invited twice"
    for stage in plan.stages:
        signed = [
            one
            for one in stage.parties
            if plan.parties[one].role is Role.SIGNER
            and all(
                other.state is PartyState.SIGNED
                for other in plan.parties.values()
                if one in (other.id, other.of)
            )
        ]
        everyone = [one for one in stage.parties if plan.parties[one].role is Role.SIGNER]
        need = len(everyone) if stage.need is None else stage.need
        assert progress is Progress.IMPOSSIBLE or len(signed) >= need
