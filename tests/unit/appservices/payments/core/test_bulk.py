"""Payouts in bulk as tables: the whole product of states and inputs, and every way to an end."""

from __future__ import annotations

import itertools

import pytest

from appservices.payments.bulk.core import (
    LINE_TABLE,
    PAYOUT_TABLE,
    LineInput,
    LineState,
    LineStateError,
    PayoutEffect,
    PayoutInput,
    PayoutState,
    PayoutStateError,
    step_line,
    step_payout,
)
from tests.support.tables import each_row

ENDS = {PayoutState.DONE, PayoutState.STOPPED, PayoutState.REFUSED}


@each_row(("state", "heard"), list(itertools.product(PayoutState, PayoutInput)))
def test_what_is_not_in_the_table_is_refused(state: PayoutState, heard: PayoutInput) -> None:
    if (state, heard) in PAYOUT_TABLE:
        assert step_payout(state, heard) == PAYOUT_TABLE[state, heard]
        return
    with pytest.raises(PayoutStateError, match=state.value):
        step_payout(state, heard)


@each_row(("state", "heard"), list(itertools.product(LineState, LineInput)))
def test_what_is_not_in_the_table_of_lines_is_refused(state: LineState, heard: LineInput) -> None:
    if (state, heard) in LINE_TABLE:
        assert step_line(state, heard) is LINE_TABLE[state, heard]
        return
    with pytest.raises(LineStateError, match=state.value):
        step_line(state, heard)


def test_an_end_is_an_end_and_is_told() -> None:
    assert not any(state in ENDS for state, _ in PAYOUT_TABLE)
    for state, effects in PAYOUT_TABLE.values():
        assert (PayoutEffect.TELL in effects) == (state in ENDS)


def test_every_state_but_the_first_is_reached_and_leads_to_an_end() -> None:
    reached = {state for state, _ in PAYOUT_TABLE.values()}
    assert reached == set(PayoutState) - {PayoutState.WAITING}
    ending = set(ENDS)
    for _ in PayoutState:
        ending |= {state for (state, _), (after, _) in PAYOUT_TABLE.items() if after in ending}
    assert ending == set(PayoutState)


def test_nothing_is_set_aside_before_it_is_approved_and_nothing_paid_before_it_is_set_aside() -> (
    None
):
    holds = [key for key, (_, effects) in PAYOUT_TABLE.items() if PayoutEffect.HOLD in effects]
    pays = [key for key, (_, effects) in PAYOUT_TABLE.items() if PayoutEffect.PAY in effects]

    assert holds == [(PayoutState.WAITING, PayoutInput.APPROVE)]
    assert pays == [(PayoutState.HOLDING, PayoutInput.HELD)]


def test_a_stop_begins_no_more_lines() -> None:
    for (_, heard), (_, effects) in PAYOUT_TABLE.items():
        if heard is PayoutInput.STOP:
            assert PayoutEffect.STOP_LINES in effects
            assert PayoutEffect.PAY not in effects


def test_a_line_is_paid_by_a_try_alone_and_a_stopped_one_never() -> None:
    assert [state for (state, _), after in LINE_TABLE.items() if after is LineState.PAID] == [
        LineState.PAYING
    ]
    assert not any(state is LineState.STOPPED for state, _ in LINE_TABLE)
