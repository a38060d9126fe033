"""Rules of the payer: the strongest wins, and time alone ends a wait."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.core.rules import (
    DAY_MS,
    HOUR_MS,
    Facts,
    Go,
    Limits,
    Reason,
    Refuse,
    Verdict,
    Wait,
    Waits,
    judge,
)

NOW_MS = 1_764_000_000_000
LIMITS = Limits(first_payee_minor=20_000)
KNOWN = Facts(is_frozen=False, has_paid_payee=True, day_minor=0, balance_minor=1_000_000)
STRANGER = attrs.evolve(KNOWN, has_paid_payee=False)
WEIGHT = {Go: 0, Wait: 1, Refuse: 2}


def said(total_minor: int, facts: Facts, limits: Limits = LIMITS, *, after_ms: int = 0) -> Verdict:
    return judge(
        total_minor, limits, Waits(), facts, approved_at_ms=NOW_MS, now_ms=NOW_MS + after_ms
    )


def test_the_first_payment_to_somebody_waits_above_the_limit_and_not_at_it() -> None:
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


@given(
    total=st.integers(1, 10**9),
    more=st.integers(0, 10**9),
    day=st.integers(0, 10**9),
    balance=st.integers(0, 10**9),
    first=st.booleans(),
    limit=st.integers(0, 10**6),
)
def test_more_money_is_never_let_through_more_easily(
    *, total: int, more: int, day: int, balance: int, first: bool, limit: int
) -> None:
    facts = Facts(is_frozen=False, has_paid_payee=not first, day_minor=day, balance_minor=balance)
    limits = Limits(first_payee_minor=limit, day_minor=10**8)
    less, greater = said(total, facts, limits), said(total + more, facts, limits)

    assert WEIGHT[type(less)] <= WEIGHT[type(greater)]
    if isinstance(less, Wait) and isinstance(greater, Wait):
        assert less.until_ms <= greater.until_ms
