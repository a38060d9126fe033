"""The whole table of an escrow, and what those who take part decide."""

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.escrows.core.escrow import (
    ESCROW_TABLE,
    HOLD_MORE_MS,
    HOLDING,
    LIFE_MS_MAX,
    OVER,
    VOTERS_MAX,
    WAITING,
    Escrow,
    EscrowEffect,
    EscrowInput,
    EscrowState,
    EscrowStateError,
    OnSilence,
    Role,
    Voter,
    can_decide,
    is_enough,
    majority,
    outcome,
    step_escrow,
)
from tests.support.tables import each_row

EVERYTHING = list(itertools.product(EscrowState, EscrowInput))
DAY_MS = 86_400_000


def escrow(state: EscrowState, votes: tuple[int | None, ...] = (None, None, None)) -> Escrow:
    roles = (Role.BUYER, Role.SELLER, *([Role.ARBITER] * (len(votes) - 2)))
    voters = tuple(
        Voter(number, role, has_agreed=role is Role.BUYER, to_seller=vote)
        for number, (role, vote) in enumerate(zip(roles, votes, strict=True), 1)
    )
    return Escrow(
        id="01KAXV3Q0G0000000000000000",
        state=state,
        buyer=1,
        seller=2,
        ledger=1,
        amount_minor=1000,
        k=2,
        voters=voters,
        on_silence=OnSilence.RETURN,
        asked_at_ms=1,
        ends_at_ms=DAY_MS,
        due_at_ms=2,
        to_seller=600 if state is EscrowState.ENDING else None,
    )


@each_row(("state", "heard"), EVERYTHING)
def test_a_step_is_in_the_table_or_changes_nothing(state: EscrowState, heard: EscrowInput) -> None:
    before = escrow(state)
    if (state, heard) in ESCROW_TABLE:
        after, effects = step_escrow(before, heard, to_seller=400, why="no_cover")
        assert (after.state, effects) == ESCROW_TABLE[state, heard]
    else:
        with pytest.raises(EscrowStateError, match=f"the escrow is {state.value} already"):
            step_escrow(before, heard)


def test_money_is_moved_wherever_the_writer_is_waited_for_and_nowhere_else() -> None:
    for state, effects in ESCROW_TABLE.values():
        assert (EscrowEffect.HOLD in effects) == (state is EscrowState.FUNDING)
        assert (EscrowEffect.MOVE in effects) == (state is EscrowState.ENDING)


def test_whatever_is_not_over_has_an_end_by_itself_or_by_the_writer() -> None:
    by_writer = {EscrowState.FUNDING, EscrowState.ENDING}
    for state in set(EscrowState) - OVER:
        assert ((state, EscrowInput.TIME) in ESCROW_TABLE) == (state not in by_writer)


def test_what_waits_for_a_time_has_its_clock_set() -> None:
    for (_, heard), (state, effects) in ESCROW_TABLE.items():
        if (state, EscrowInput.TIME) in ESCROW_TABLE:
            assert EscrowEffect.SET_CLOCK in effects, heard


def test_from_every_state_the_end_can_be_reached() -> None:
    reached = set(OVER)
    while True:
        more = {state for (state, _), (after, _) in ESCROW_TABLE.items() if after in reached}
        if more <= reached:
            break
        reached |= more

    assert reached == set(EscrowState)


def test_nobody_stops_what_is_set_aside() -> None:
    for state in HOLDING:
        assert (state, EscrowInput.CANCEL) not in ESCROW_TABLE
    for state in WAITING:
        assert ESCROW_TABLE[state, EscrowInput.CANCEL][0] is EscrowState.CANCELLED


def test_an_outcome_is_known_of_what_is_decided_and_of_nothing_else() -> None:
    for state, heard in ESCROW_TABLE:
        after, _ = step_escrow(escrow(state), heard, to_seller=400, why="no_cover")
        decided = {EscrowState.ENDING, EscrowState.RELEASED, EscrowState.SHARED}
        is_decided = after.state in decided | {EscrowState.RETURNED}
        assert (after.to_seller is not None) == is_decided
        if after.state is EscrowState.RETURNED:
            assert after.to_seller == 0


def test_everybody_is_told_of_each_end() -> None:
    for after, effects in ESCROW_TABLE.values():
        assert after not in OVER or EscrowEffect.SHOW in effects


def test_a_hold_lasts_at_most_ninety_days() -> None:
    assert LIFE_MS_MAX + HOLD_MORE_MS == 90 * DAY_MS


def test_at_the_date_it_goes_where_silence_says() -> None:
    returns = escrow(EscrowState.FUNDED)
    releases = attrs.evolve(returns, on_silence=OnSilence.RELEASE)

    assert (returns.silent_to_seller, releases.silent_to_seller) == (0, 1000)


@each_row(
    ("votes", "k", "decided", "is_open"),
    [
        ((None, None), 2, None, True),
        ((1000, None), 2, None, True),
        ((1000, 1000), 2, 1000, True),
        ((1000, 0), 2, None, False),
        ((1000, 0, None), 2, None, True),
        ((1000, 0, 0), 2, 0, True),
        ((1000, 0, 500), 2, None, False),
        ((600, 600, None), 2, 600, True),
        ((0, 0), 2, 0, True),
    ],
)
def test_k_who_say_the_same_decide(
    votes: tuple[int | None, ...], k: int, decided: int | None, is_open: bool
) -> None:
    assert outcome(votes, k) == decided
    assert can_decide(votes, k) is is_open


def test_a_rule_takes_more_than_half_and_two_at_least() -> None:
    found = {(k, n) for k in range(12) for n in range(12) if is_enough(k, n)}

    assert (1, 1) not in found
    assert {(2, 2), (2, 3), (3, 4), (5, 9), (9, 9)} <= found
    assert not {(1, 2), (2, 4), (4, 9), (3, 2), (6, 10)} & found
    assert all(majority(n) == min(k for k, of in found if of == n) for n in range(2, 10))


@given(st.data())
def test_no_two_outcomes_have_enough(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, VOTERS_MAX))
    k = data.draw(st.sampled_from([k for k in range(n + 1) if is_enough(k, n)]))
    votes = data.draw(st.lists(st.sampled_from([None, 0, 5, 9]), min_size=n, max_size=n))

    assert sum(votes.count(one) >= k for one in (0, 5, 9)) <= 1
    assert (outcome(votes, k) is not None) == any(votes.count(one) >= k for one in (0, 5, 9))


@given(st.data())
def test_what_can_be_decided_is_what_those_who_are_left_can_decide(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 5))
    k = data.draw(st.sampled_from([k for k in range(n + 1) if is_enough(k, n)]))
    votes = data.draw(st.lists(st.sampled_from([None, 0, 5]), min_size=n, max_size=n))
    left = votes.count(None)
    ways = itertools.product([0, 5, 9], repeat=left)

    def filled(way: tuple[int, ...]) -> list[int | None]:
        rest = iter(way)
        return [next(rest) if one is None else one for one in votes]

    assert can_decide(votes, k) == any(outcome(filled(way), k) is not None for way in ways)
