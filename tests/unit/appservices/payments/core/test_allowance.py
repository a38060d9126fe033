"""Allowances: their states, what a use may be, how one is typed."""

from __future__ import annotations

import datetime as dt
import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.allowances.core import (
    ALLOWANCE_MS,
    ALLOWANCE_TABLE,
    AllowanceInput,
    AllowanceOrder,
    AllowanceProblem,
    AllowanceState,
    AllowanceTerms,
    Scope,
    judge_use,
    read_allowance,
    step_allowance,
)
from appservices.payments.allowances.texts import AllowanceView, shown_text
from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.amounts.core.periods import DAY_MS
from appservices.payments.conversation.service.conversation import CATALOGUE
from appservices.payments.transfers.core.rules import UseProblem
from appservices.payments.transfers.texts.views import Party
from tests.support.tables import each_row
from veche.protocol.money import Money
from veche.protocol.texts.localizer import Localizer

NOW_MS = 1_764_000_000_000
TERMS = AllowanceTerms(
    each_max_minor=2_000,
    period="week",
    period_max_minor=5_000,
    starts_at_ms=NOW_MS,
    ends_at_ms=NOW_MS + 10 * DAY_MS,
)


def euros(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def judged(
    minor: int,
    *,
    terms: AllowanceTerms = TERMS,
    state: AllowanceState = AllowanceState.ACTIVE,
    used_minor: int = 0,
    is_covered: bool = True,
    now_ms: int = NOW_MS,
) -> UseProblem | None:
    return judge_use(
        minor, terms, state, used_minor=used_minor, is_covered=is_covered, now_ms=now_ms
    )


@each_row(("state", "heard"), list(itertools.product(AllowanceState, AllowanceInput)))
def test_a_step_is_in_the_table_or_there_is_none(
    state: AllowanceState, heard: AllowanceInput
) -> None:
    assert step_allowance(state, heard) is ALLOWANCE_TABLE.get((state, heard))


def test_an_ended_allowance_is_ended_for_ever_and_none_begins_unapproved() -> None:
    assert not [key for key in ALLOWANCE_TABLE if key[0] is AllowanceState.ENDED]
    into = {key for key, state in ALLOWANCE_TABLE.items() if state is AllowanceState.ACTIVE}
    assert into == {(AllowanceState.PROPOSED, AllowanceInput.APPROVE)}


def test_a_use_is_allowed_up_to_each_cap_and_not_a_cent_above() -> None:
    assert judged(2_000) is None
    assert judged(2_001) is UseProblem.ABOVE_EACH
    assert judged(2_000, used_minor=3_000) is None
    assert judged(2_000, used_minor=3_001) is UseProblem.ABOVE_PERIOD


def test_a_use_is_allowed_from_its_beginning_to_its_end_and_not_a_moment_outside() -> None:
    assert judged(1, now_ms=NOW_MS - 1) is UseProblem.NOT_BEGUN
    assert judged(1, now_ms=TERMS.ends_at_ms - 1) is None
    assert judged(1, now_ms=TERMS.ends_at_ms) is UseProblem.OVER


@given(
    minor=st.integers(1, 10_000),
    used=st.integers(0, 10_000),
    each=st.integers(1, 5_000),
    more=st.integers(0, 5_000),
    state=st.sampled_from(AllowanceState),
    covered=st.booleans(),
    after=st.integers(-DAY_MS, 11 * DAY_MS),
)
def test_a_use_is_allowed_if_and_only_if_nothing_is_against_it(
    *, minor: int, used: int, each: int, more: int, state: AllowanceState, covered: bool, after: int
) -> None:
    terms = attrs.evolve(TERMS, each_max_minor=each, period_max_minor=each + more)
    problem = judged(
        minor,
        terms=terms,
        state=state,
        used_minor=used,
        is_covered=covered,
        now_ms=NOW_MS + after,
    )

    assert (problem is None) == (
        state is AllowanceState.ACTIVE
        and covered
        and minor <= each
        and used + minor <= each + more
        and 0 <= after < 10 * DAY_MS
    )


def test_whom_an_allowance_covers() -> None:
    anybody, scope = Scope(), Scope(frozenset({"@shop:x", "bakery"}), frozenset({"pharmacy"}))

    assert anybody.covers("@any:x", frozenset())
    assert scope.covers("@shop:x", frozenset())
    assert scope.covers("bakery", frozenset({"food"}))
    assert scope.covers("apotheke", frozenset({"food", "pharmacy"}))
    assert not scope.covers("casino", frozenset({"gambling"}))
    assert not scope.covers("@any:x", frozenset())


ORDER = AllowanceOrder("@bob", "week", euros(5_000), euros(5_000), (), NOW_MS + ALLOWANCE_MS)
END_2026 = 1_798_761_600_000
"""The first moment of 2027, UTC."""


@each_row(
    ("typed", "order"),
    [
        ("@bob 50 EUR a week", ORDER),
        ("@bob 50,00 EUR в неделю", ORDER),
        ("@bob 50 EUR pro Woche", ORDER),
        ("@bob 50 EUR на тиждень", ORDER),
        ("@bob 50 week", ORDER),
        ("@bob 50 EUR per month", attrs.evolve(ORDER, period="month")),
        (
            "@bob 50 EUR a week at @shop:x.org, food",
            attrs.evolve(ORDER, whom=("@shop:x.org", "food")),
        ),
        ("@bob 50 EUR a week each 20 EUR", attrs.evolve(ORDER, each_max=euros(2_000))),
        (
            "@bob 50 EUR a week until 2026-12-31 at food each 20 EUR",
            attrs.evolve(ORDER, each_max=euros(2_000), whom=("food",), ends_at_ms=END_2026),
        ),
        ("@bob 50 EUR в неделю кому food до 2026-12-31",
         attrs.evolve(ORDER, whom=("food",), ends_at_ms=END_2026)),
        ("@bob 50 EUR pro Woche bei food bis 2026-12-31",
         attrs.evolve(ORDER, whom=("food",), ends_at_ms=END_2026)),
    ],
)  # fmt: skip
def test_an_allowance_is_read_in_each_language(typed: str, order: AllowanceOrder) -> None:
    assert read_allowance(typed, ["EUR"], NOW_MS) == order


@pytest.mark.parametrize(
    ("time_zone", "end"),
    [
        ("UTC", "2027-10-31T23:59:59.999+00:00"),
        ("Europe/Berlin", "2027-10-31T23:59:59.999+01:00"),  # the clocks were turned back that day
        ("America/New_York", "2027-10-31T23:59:59.999-04:00"),
        ("Pacific/Auckland", "2027-10-31T23:59:59.999+13:00"),
    ],
)
def test_the_last_day_is_that_of_the_institution_and_is_shown_as_typed(
    time_zone: str, end: str
) -> None:
    typed = "@bob 50 EUR a week until 2027-10-31"
    given = read_allowance(typed, ["EUR"], NOW_MS, time_zone)

    assert isinstance(given, AllowanceOrder)
    assert given.ends_at_ms - 1 == int(dt.datetime.fromisoformat(end).timestamp() * 1000)
    terms = AllowanceTerms(1, "week", 1, NOW_MS, given.ends_at_ms)
    view = AllowanceView(Party("@a:x", "A"), Party("@b:x", "B"), (), (), "EUR", terms)
    assert "31 October 2027" in shown_text(view, Localizer("en", time_zone, CATALOGUE))


@each_row(
    ("typed", "problem"),
    [
        ("", OrderProblem.USAGE),
        ("@bob", OrderProblem.USAGE),
        ("@bob much a week", OrderProblem.BAD_AMOUNT),
        ("@bob 50 EUR", AllowanceProblem.USAGE),
        ("@bob 50 EUR a fortnight", AllowanceProblem.USAGE),
        ("@bob 50 EUR a week food", AllowanceProblem.USAGE),
        ("@bob 50 EUR a week at", AllowanceProblem.USAGE),
        ("@bob 50 EUR a week at food at more", AllowanceProblem.USAGE),
        ("@bob 50 EUR a week each 60 EUR", AllowanceProblem.EACH_ABOVE),
        ("@bob 50 EUR a week each 5 EUR please", AllowanceProblem.USAGE),
        ("@bob 50 EUR a week each 5 USD", OrderProblem.OTHER_CURRENCY),
        ("@bob 50 EUR a week until tomorrow", AllowanceProblem.BAD_DATE),
        ("@bob 50 EUR a week until 2026-02-30", AllowanceProblem.BAD_DATE),
        ("@bob 50 EUR a week until 2020-01-01", AllowanceProblem.BAD_DATE),
        ("@bob 50 EUR a week until 2126-01-01", AllowanceProblem.BAD_DATE),
        ("@bob 50 EUR a week until 9999-12-31", AllowanceProblem.BAD_DATE),
        ("@bob 50 USD a week", OrderProblem.OTHER_CURRENCY),
        (f"@bob 50 EUR a week at {' '.join(map(str, range(21)))}", AllowanceProblem.TOO_MANY),
    ],
)
def test_an_allowance_that_cannot_be_read_is_asked_back(
    typed: str, problem: AllowanceProblem | OrderProblem
) -> None:
    assert read_allowance(typed, ["EUR"], NOW_MS) is problem
