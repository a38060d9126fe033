"""Rules of the payer: the strongest wins, and time alone ends a wait."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.amounts.core.periods import DAY_MS, HOUR_MS
from appservices.payments.transfers.core.rules import (
    Facts,
    Go,
    Guard,
    Limits,
    Reason,
    Refuse,
    Verdict,
    Wait,
    Waits,
    is_new,
    judge,
)
from tests.support.tables import each_row

NOW_MS = 1_764_000_000_000
LIMITS = Limits(first_payee_minor=20_000)
KNOWN = Facts(
    is_frozen=False,
    is_known=True,
    earlier_minor=0,
    lately_minor=0,
    day_minor=0,
    balance_minor=1_000_000,
)
STRANGER = attrs.evolve(KNOWN, is_known=False)
WEIGHT = {Go: 0, Wait: 1, Guard: 2, Refuse: 3}


def said(total_minor: int, facts: Facts, limits: Limits = LIMITS, *, after_ms: int = 0) -> Verdict:
    return judge(
        total_minor, limits, Waits(), facts, approved_at_ms=NOW_MS, now_ms=NOW_MS + after_ms
    )


def test_what_goes_to_somebody_new_waits_above_the_limit_and_not_at_it() -> None:
    assert said(20_000, STRANGER) == Go()
    assert said(20_001, STRANGER) == Wait(NOW_MS + 12 * HOUR_MS, Reason.FIRST_PAYEE)
    assert said(20_001, KNOWN) == Go()


def test_a_wait_is_over_at_its_end_and_not_a_moment_before() -> None:
    assert isinstance(said(20_001, STRANGER, after_ms=12 * HOUR_MS - 1), Wait)
    assert said(20_001, STRANGER, after_ms=12 * HOUR_MS) == Go()


def test_a_clock_that_was_set_back_shortens_nothing() -> None:
    assert said(20_001, STRANGER, after_ms=-HOUR_MS) == said(20_001, STRANGER)


def test_the_longest_wait_is_told_and_the_others_run_beside_it() -> None:
    most = attrs.evolve(STRANGER, balance_minor=300_000)

    assert said(200_000, most) == Wait(NOW_MS + DAY_MS, Reason.LARGE_PART)
    assert isinstance(said(200_000, most, after_ms=12 * HOUR_MS), Wait)
    assert said(200_000, most, after_ms=DAY_MS) == Go()


def test_most_of_the_balance_within_a_day_waits_from_ten_times_the_limit_on() -> None:
    half = attrs.evolve(KNOWN, balance_minor=400_000)

    assert said(200_000, half) == Go()
    assert said(200_001, half) == Wait(NOW_MS + DAY_MS, Reason.LARGE_PART)
    assert said(199_999, attrs.evolve(KNOWN, balance_minor=200_000)) == Go()


def test_what_went_out_before_counts_as_a_part_of_the_day() -> None:
    rest = attrs.evolve(KNOWN, balance_minor=300_000, day_minor=500_000)

    assert isinstance(said(200_000, rest), Wait)


def test_the_own_limit_for_a_day_refuses_beyond_it() -> None:
    own = Limits(first_payee_minor=20_000, day_minor=5_000)
    facts = attrs.evolve(KNOWN, day_minor=3_000)

    assert said(2_000, facts, own) == Go()
    assert said(2_001, facts, own) == Refuse(Reason.OVER_DAY_LIMIT)


def test_frozen_is_stronger_than_everything() -> None:
    frozen = attrs.evolve(STRANGER, is_frozen=True)

    assert said(999_999, frozen, Limits(0, 0)) == Refuse(Reason.FROZEN)


def test_a_first_payment_of_one_euro_does_not_make_a_payee_known() -> None:
    a_moment_later = attrs.evolve(STRANGER, lately_minor=100)
    a_day_later = attrs.evolve(STRANGER, earlier_minor=100)

    for facts in (a_moment_later, a_day_later):
        assert said(500_000, facts) == Wait(NOW_MS + 12 * HOUR_MS, Reason.FIRST_PAYEE)


def test_small_parts_to_somebody_new_are_one_sum_until_as_long_as_a_wait_is_over() -> None:
    assert said(10_000, attrs.evolve(STRANGER, lately_minor=10_000)) == Go()
    assert isinstance(said(10_000, attrs.evolve(STRANGER, lately_minor=10_001)), Wait)
    assert said(10_000, attrs.evolve(STRANGER, earlier_minor=20_000)) == Go()


def test_a_payee_is_known_once_more_than_the_limit_went_there_long_enough_ago() -> None:
    assert isinstance(said(20_001, attrs.evolve(STRANGER, earlier_minor=20_000)), Wait)
    assert said(900_000, attrs.evolve(STRANGER, earlier_minor=20_001, balance_minor=10**9)) == Go()


@each_row("is_known", [True, False])
@each_row("earlier", [0, 1, 20_000, 20_001])
def test_only_a_payee_to_whom_more_went_or_who_is_exempt_is_not_new(
    *, is_known: bool, earlier: int
) -> None:
    facts = attrs.evolve(KNOWN, is_known=is_known, earlier_minor=earlier)

    assert is_new(LIMITS, facts) == (not is_known and earlier <= 20_000)


def test_guardians_are_asked_above_their_amount_and_not_at_it() -> None:
    own = attrs.evolve(LIMITS, guarded_minor=30_000)

    assert said(30_000, KNOWN, own) == Go()
    assert said(30_001, KNOWN, own) == Guard()
    assert said(1, attrs.evolve(KNOWN, unguarded_minor=30_000), own) == Guard()
    assert said(30_001, KNOWN) == Go()


def test_guardians_are_stronger_than_a_wait_which_counts_again_once_they_approved() -> None:
    own = attrs.evolve(LIMITS, guarded_minor=0)

    assert said(20_001, STRANGER, own) == Guard()
    approved = attrs.evolve(STRANGER, is_approved=True)
    assert said(20_001, approved, own) == Wait(NOW_MS + 12 * HOUR_MS, Reason.FIRST_PAYEE)
    assert said(20_001, approved, own, after_ms=12 * HOUR_MS) == Go()


def test_what_somebody_forbade_themselves_is_refused_before_anybody_is_asked() -> None:
    banned = attrs.evolve(KNOWN, is_banned=True)

    assert said(1, banned, attrs.evolve(LIMITS, guarded_minor=0)) == Refuse(Reason.BANNED)
    assert said(1, attrs.evolve(banned, is_frozen=True)) == Refuse(Reason.FROZEN)


AMOUNTS = st.integers(0, 10**9)
ALL_FACTS = st.builds(
    Facts,
    is_frozen=st.booleans(),
    is_known=st.booleans(),
    earlier_minor=AMOUNTS,
    lately_minor=AMOUNTS,
    day_minor=AMOUNTS,
    balance_minor=AMOUNTS,
    is_banned=st.booleans(),
    is_approved=st.booleans(),
    unguarded_minor=AMOUNTS,
)
ALL_LIMITS = st.builds(
    Limits,
    first_payee_minor=st.integers(0, 10**6),
    day_minor=st.none() | AMOUNTS,
    guarded_minor=st.none() | AMOUNTS,
)


@given(total=st.integers(1, 10**9), more=AMOUNTS, facts=ALL_FACTS, limits=ALL_LIMITS)
def test_more_money_is_never_let_through_more_easily(
    *, total: int, more: int, facts: Facts, limits: Limits
) -> None:
    less, greater = said(total, facts, limits), said(total + more, facts, limits)

    assert WEIGHT[type(less)] <= WEIGHT[type(greater)]
    if isinstance(less, Wait) and isinstance(greater, Wait):
        assert less.until_ms <= greater.until_ms


@given(total=st.integers(1, 10**9), facts=ALL_FACTS, limits=ALL_LIMITS, later=AMOUNTS)
def test_time_ends_waits_and_weakens_nothing_else(
    *, total: int, facts: Facts, limits: Limits, later: int
) -> None:
    now, then = said(total, facts, limits), said(total, facts, limits, after_ms=later)

    if isinstance(now, Wait):
        longest_ms = now.until_ms - NOW_MS
        assert isinstance(then, Go) if later >= longest_ms else then == now
    else:
        assert then == now


@given(
    parts=st.lists(
        st.tuples(st.integers(1, 40_000), st.integers(0, 13 * HOUR_MS)), min_size=1, max_size=30
    )
)
def test_no_way_to_cut_a_sum_gets_more_than_the_limit_to_somebody_new_without_a_wait(
    parts: list[tuple[int, int]],
) -> None:
    """Somebody pays a stranger again and again, and takes every payment that goes at once."""
    now_ms, gone = NOW_MS, list[tuple[int, int]]()
    wait_ms = Waits().first_payee_ms
    for minor, pause_ms in parts:
        now_ms += pause_ms
        earlier = sum(one for one, at_ms in gone if at_ms <= now_ms - wait_ms)
        lately = sum(one for one, at_ms in gone if at_ms > now_ms - wait_ms)
        facts = attrs.evolve(
            STRANGER, earlier_minor=earlier, lately_minor=lately, balance_minor=10**9
        )
        verdict = judge(minor, LIMITS, Waits(), facts, approved_at_ms=now_ms, now_ms=now_ms)
        if isinstance(verdict, Go):
            gone.append((minor, now_ms))
            if earlier <= LIMITS.first_payee_minor:
                assert lately + minor <= LIMITS.first_payee_minor
