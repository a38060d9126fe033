"""The whole table of a dispute: each state with each input."""

import itertools

import attrs
import pytest

from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.disputes.core.dispute import (
    DISPUTABLE,
    DISPUTE_TABLE,
    LIVE,
    OVER,
    RULED,
    Dispute,
    DisputeEffect,
    DisputeInput,
    DisputeState,
    DisputeStateError,
    End,
    step_dispute,
)
from appservices.payments.transfers.core.payment import Kind
from tests.support.tables import each_row

EVERYTHING = list(itertools.product(DisputeState, DisputeInput))


def dispute(state: DisputeState) -> Dispute:
    is_ending = state is DisputeState.ENDING
    is_ruled = state in RULED
    return Dispute(
        id="01KAXV3Q0G0000000000000000",
        payment_id="01KAXV3Q0G0000000000000001",
        state=state,
        payer=1,
        payee=2,
        ledger=1,
        amount_minor=1000,
        held_minor=700,
        asked_at_ms=1,
        due_at_ms=2,
        given_minor=300 if is_ending else None,
        end=End.DECIDED if is_ending else None,
        hold_ends_at_ms=100 * DAY_MS,
        ruled_minor=250 if is_ruled else None,
    )


@each_row(("state", "heard"), EVERYTHING)
def test_a_step_is_in_the_table_or_changes_nothing(
    state: DisputeState, heard: DisputeInput
) -> None:
    before = dispute(state)
    if (state, heard) in DISPUTE_TABLE:
        after, effects = step_dispute(before, heard)
        assert (after.state, effects) == DISPUTE_TABLE[state, heard]
    else:
        with pytest.raises(DisputeStateError, match=f"the dispute is {state.value} already"):
            step_dispute(before, heard)


def test_money_is_moved_wherever_the_writer_is_waited_for_and_nowhere_else() -> None:
    for state, effects in DISPUTE_TABLE.values():
        assert (DisputeEffect.HOLD in effects) == (state is DisputeState.FREEZING)
        assert (DisputeEffect.MOVE in effects) == (state is DisputeState.ENDING)


def test_whatever_is_not_over_has_an_end_by_itself_or_by_the_writer() -> None:
    by_writer = {DisputeState.FREEZING, DisputeState.ENDING}
    for state in set(DisputeState) - OVER:
        assert ((state, DisputeInput.TIME) in DISPUTE_TABLE) == (state not in by_writer)
    assert {state for state, _ in DISPUTE_TABLE} == set(DisputeState) - OVER


def test_only_the_payee_and_the_desk_give_anything_back() -> None:
    for state, heard in DISPUTE_TABLE:
        after, _ = step_dispute(dispute(state), heard, given_minor=200)
        gives = {DisputeInput.AGREE, DisputeInput.DECIDE}
        kept = 300 if (state, heard) == (DisputeState.ENDING, DisputeInput.MOVED) else 0
        if state in RULED and heard is DisputeInput.TIME:
            kept = 250
        if after.given_minor is not None:
            assert after.given_minor == (200 if heard in gives else kept)


def test_an_end_is_known_of_what_ends_and_of_nothing_else() -> None:
    for state, heard in DISPUTE_TABLE:
        after, _ = step_dispute(dispute(state), heard)
        has_end = after.state in {DisputeState.ENDING, DisputeState.CLOSED}
        assert (after.end is not None) == has_end == (after.given_minor is not None)


def test_the_desk_does_not_decide_before_the_payee_was_asked() -> None:
    into = {state for state, heard in DISPUTE_TABLE if heard is DisputeInput.DECIDE}

    assert into == {DisputeState.AT_DESK, DisputeState.APPEALED}


def test_a_decision_is_appealed_once_and_then_for_good() -> None:
    ruled, _ = step_dispute(
        dispute(DisputeState.AT_DESK), DisputeInput.RULE, given_minor=250, due_at_ms=9
    )
    appealed, _ = step_dispute(ruled, DisputeInput.APPEAL, due_at_ms=10)
    ended, _ = step_dispute(appealed, DisputeInput.DECIDE, given_minor=600)

    assert (ruled.state, ruled.ruled_minor, ruled.given_minor) == (DisputeState.DECIDED, 250, None)
    assert (ended.given_minor, ended.end, ended.ruled_minor) == (600, End.DECIDED, 250)
    into = {state for state, heard in DISPUTE_TABLE if heard is DisputeInput.APPEAL}
    assert into == {DisputeState.DECIDED}


@pytest.mark.parametrize("state", [DisputeState.DECIDED, DisputeState.APPEALED])
def test_what_nobody_appeals_or_decides_again_stands(state: DisputeState) -> None:
    ended, effects = step_dispute(dispute(state), DisputeInput.TIME)

    assert (ended.state, ended.given_minor, ended.end) == (DisputeState.ENDING, 250, End.DECIDED)
    assert effects == (DisputeEffect.MOVE,)


def test_there_is_an_appeal_only_where_there_is_time_to_decide_it() -> None:
    one = dispute(DisputeState.AT_DESK)

    assert one.ruled_until_ms == 99 * DAY_MS
    assert one.appeal_until_ms(90 * DAY_MS, 5 * DAY_MS) == 95 * DAY_MS
    assert one.appeal_until_ms(95 * DAY_MS, 5 * DAY_MS) == 98 * DAY_MS
    assert one.appeal_until_ms(98 * DAY_MS, 5 * DAY_MS) is None


def test_silence_of_the_payee_goes_to_the_desk_and_silence_of_the_desk_lets_go() -> None:
    opened, _ = step_dispute(dispute(DisputeState.OPEN), DisputeInput.TIME, due_at_ms=9)
    ended, _ = step_dispute(opened, DisputeInput.TIME)

    assert (opened.state, opened.due_at_ms) == (DisputeState.AT_DESK, 9)
    assert (ended.state, ended.end, ended.given_minor) == (DisputeState.ENDING, End.LAPSED, 0)


@pytest.mark.parametrize("given_minor", [-1, 701])
def test_no_more_is_given_back_than_is_set_aside(given_minor: int) -> None:
    for state in LIVE:
        with pytest.raises(ValueError, match="no more is given back"):
            step_dispute(dispute(state), DisputeInput.AGREE, given_minor=given_minor)
    whole, _ = step_dispute(dispute(DisputeState.OPEN), DisputeInput.AGREE, given_minor=700)
    assert whole.given_minor == 700


def test_a_payee_who_has_nothing_can_be_disputed_again() -> None:
    after, effects = step_dispute(
        attrs.evolve(dispute(DisputeState.FREEZING), held_minor=0), DisputeInput.NOT_HELD
    )

    assert (after.state, after.end) == (DisputeState.CANCELLED, None)
    assert effects == (DisputeEffect.SHOW,)


def test_what_went_back_and_what_others_decided_is_not_disputed() -> None:
    assert not {Kind.REFUND, Kind.ESCROW, Kind.PAYOUT, Kind.ISSUE} & DISPUTABLE
