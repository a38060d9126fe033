"""The table of what became of a message is whole, and says what the networks know."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.core.delivery import (
    ATTEMPTS_MAX,
    RETRY_MS_MAX,
    TABLE,
    Input,
    State,
    Step,
    retry_delay_ms,
    step,
)

_: Final = None
"""Nothing changes."""
INPUTS: Final = tuple(Input)
ROWS: Final = {
    # begin, sent, temporary, permanent, uncertain, delivered, displayed, not_delivered, expired,
    # away
    State.QUEUED: ("sending", _, _, _, _, _, _, _, "expired", _),
    State.SENDING: (
        *(_, "sent", "queued", "failed", "uncertain"),
        *("delivered", "displayed", "failed", "expired", "queued"),
    ),
    State.UNCERTAIN: (
        *(_, "sent", "queued", "failed", _),
        *("delivered", "displayed", "failed", "expired", "queued"),
    ),
    State.SENT: (_, _, _, "failed", _, "delivered", "displayed", "failed", "unknown", _),
    State.DELIVERED: (_, _, _, _, _, _, "displayed", "failed!", _, _),
    State.DISPLAYED: (_, _, _, _, _, _, _, _, _, _),
    State.FAILED: (_, _, _, _, _, "failed!", "failed!", _, _, _),
    State.EXPIRED: (_, _, _, _, _, "delivered", "displayed", _, _, _),
    State.UNKNOWN: (_, _, _, _, _, "delivered", "displayed", _, _, _),
}


@pytest.mark.parametrize("state", State)
def test_each_row_is_as_it_is_written_here(state: State) -> None:
    for given_input, word in zip(INPUTS, ROWS[state], strict=True):
        name = state.value if word is None else word.rstrip("!")
        expected = Step(State(name), is_contradiction=(word or "").endswith("!"))
        assert step(state, given_input) == expected, given_input


def test_the_table_is_the_whole_product() -> None:
    assert TABLE.keys() == {(state, one) for state in State for one in Input}


def test_the_last_failure_for_now_is_one_for_good() -> None:
    assert step(State.SENDING, Input.TEMPORARY, ATTEMPTS_MAX - 1).state is State.QUEUED
    assert step(State.SENDING, Input.TEMPORARY, ATTEMPTS_MAX).state is State.FAILED


def test_the_other_side_being_away_is_no_attempt() -> None:
    assert step(State.SENDING, Input.AWAY, ATTEMPTS_MAX * 2).state is State.QUEUED


@given(st.lists(st.sampled_from(Input), max_size=12))
def test_what_was_delivered_is_never_sent_again(inputs: list[Input]) -> None:
    state = State.DELIVERED
    for one in inputs:
        state = step(state, one).state
        assert state in {State.DELIVERED, State.DISPLAYED, State.FAILED}


@given(st.integers(-1, 10**6), st.none() | st.integers(-1, 10**9))
def test_delays_have_bounds(attempts: int, asked_ms: int | None) -> None:
    assert 1_000 <= retry_delay_ms(attempts, asked_ms) <= RETRY_MS_MAX
