"""Mandates: periods by the calendar, caps, and what ends them."""

import datetime as dt
import itertools

import attrs
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.amounts.core.periods import DAY_MS, Period, period_number, period_start_ms
from appservices.payments.mandates.core.mandate import (
    MANDATE_TABLE,
    ChargeProblem,
    MandateInput,
    MandateState,
    Terms,
    Used,
    judge_charge,
    step_mandate,
)
from tests.support.tables import each_row

PERIODS: list[Period] = ["day", "week", "month", "year"]
STARTS = st.integers(0, 4_000_000_000_000)


def ms(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(dt.datetime(year, month, day, hour, tzinfo=dt.UTC).timestamp() * 1000)


START = ms(2026, 1, 1)
TERMS = Terms(
    each_max_minor=1_000,
    period="month",
    period_max_minor=2_500,
    starts_at_ms=START,
    ends_at_ms=ms(2027, 1, 1),
    count_max=5,
)
USED = Used(MandateState.ACTIVE, count=0, period_minor=0, noticed_at_ms=START - 2 * DAY_MS)


def test_months_from_the_31st_end_with_shorter_months_and_do_not_drift() -> None:
    starts = [period_start_ms(ms(2026, 1, 31, 12), "month", number) for number in range(5)]

    assert starts == [
        ms(2026, 1, 31, 12),
        ms(2026, 2, 28, 12),
        ms(2026, 3, 31, 12),
        ms(2026, 4, 30, 12),
        ms(2026, 5, 31, 12),
    ]


def test_a_year_from_the_29th_of_february_comes_back_to_it() -> None:
    starts = [period_start_ms(ms(2028, 2, 29), "year", number) for number in range(5)]

    assert starts[1] == ms(2029, 2, 28)
    assert starts[4] == ms(2032, 2, 29)


@given(STARTS, st.sampled_from(PERIODS), st.integers(0, 130))
def test_a_period_begins_where_the_one_before_it_ends(
    start_ms: int, period: Period, number: int
) -> None:
    begin_ms = period_start_ms(start_ms, period, number)
    end_ms = period_start_ms(start_ms, period, number + 1)

    assert begin_ms < end_ms
    assert period_number(start_ms, period, begin_ms) == number
    assert period_number(start_ms, period, end_ms - 1) == number
    assert period_number(start_ms, period, end_ms) == number + 1


@each_row(
    ("minor", "used", "at_ms", "problem"),
    [
        (1_000, USED, START, None),
        (1_001, USED, START, ChargeProblem.ABOVE_EACH),
        (1_000, attrs.evolve(USED, period_minor=1_500), START, None),
        (1_000, attrs.evolve(USED, period_minor=1_501), START, ChargeProblem.ABOVE_PERIOD),
        (1, attrs.evolve(USED, count=5), START, ChargeProblem.OVER),
        (1, USED, TERMS.ends_at_ms, ChargeProblem.OVER),
        (1, USED, TERMS.ends_at_ms - 1, None),
        (1, USED, START - 1, ChargeProblem.NOT_BEGUN),
        (1, attrs.evolve(USED, noticed_at_ms=None), START, ChargeProblem.NO_NOTICE),
        (1, attrs.evolve(USED, noticed_at_ms=START - DAY_MS), START, None),
        (1, attrs.evolve(USED, noticed_at_ms=START - DAY_MS + 1), START, ChargeProblem.NO_NOTICE),
        (1, attrs.evolve(USED, state=MandateState.PAUSED), START, ChargeProblem.NOT_ACTIVE),
        (1, attrs.evolve(USED, state=MandateState.ENDED), START, ChargeProblem.NOT_ACTIVE),
        (1, attrs.evolve(USED, state=MandateState.PROPOSED), START, ChargeProblem.NOT_ACTIVE),
    ],
)
def test_a_charge_is_allowed_up_to_each_bound_and_not_beyond(
    minor: int, used: Used, at_ms: int, problem: ChargeProblem | None
) -> None:
    assert judge_charge(minor, TERMS, used, at_ms) is problem


@given(st.lists(st.integers(1, 1_500), max_size=30))
def test_no_period_is_ever_debited_above_its_cap(charges: list[int]) -> None:
    terms, used = attrs.evolve(TERMS, count_max=None), USED
    for minor in charges:
        if judge_charge(minor, terms, used, START) is None:
            used = attrs.evolve(used, count=used.count + 1, period_minor=used.period_minor + minor)
            assert minor <= terms.each_max_minor
        assert used.period_minor <= terms.period_max_minor


@each_row(("state", "heard"), list(itertools.product(MandateState, MandateInput)))
def test_only_an_approval_gives_it_and_nothing_revives_it(
    state: MandateState, heard: MandateInput
) -> None:
    after = step_mandate(state, heard)

    assert after is MANDATE_TABLE.get((state, heard))
    if state is MandateState.ENDED:
        assert after is None
    if state is MandateState.PROPOSED and after is MandateState.ACTIVE:
        assert heard is MandateInput.APPROVE
    if heard is MandateInput.END and state is not MandateState.ENDED:
        assert after is MandateState.ENDED
