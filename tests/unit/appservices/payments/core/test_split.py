"""Splits: to the last unit, by one rule."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.amounts.core.split import (
    DEPTH_MAX,
    PARTS_MAX,
    Part,
    Rest,
    Split,
    SplitError,
    SplitProblem,
    check,
    divide,
)
from tests.support.tables import each_row

TOTALS = st.integers(0, 2**53 - 1)


@st.composite
def fractions(draw: st.DrawFn) -> Split:
    weights = draw(st.lists(st.integers(1, 100), min_size=1, max_size=PARTS_MAX))
    whole = sum(weights)
    return Split(tuple(Part(str(n), Fraction(weight, whole)) for n, weight in enumerate(weights)))


def split(*shares: Fraction | int | Rest) -> Split:
    return Split(tuple(Part(str(number), share) for number, share in enumerate(shares)))


def amounts(total: int, one: Split) -> list[int]:
    check(one)
    return [minor for _, minor in divide(total, one)]


def problem(total: int, one: Split) -> SplitProblem:
    with pytest.raises(SplitError) as caught:
        amounts(total, one)
    return caught.value.problem


def test_the_example_of_the_design() -> None:
    assert amounts(15, split(Fraction(80, 100), Fraction(8, 100), Fraction(12, 100))) == [13, 1, 1]


@given(TOTALS, fractions())
def test_the_parts_are_the_total_and_each_is_within_a_unit_of_its_share(
    total: int, one: Split
) -> None:
    parts = amounts(total, one)

    assert sum(parts) == total
    for part, minor in zip(one.parts, parts, strict=True):
        assert isinstance(part.share, Fraction)
        exact = total * part.share
        assert minor >= 0
        assert int(exact) <= minor <= int(exact) + 1


@given(TOTALS, st.integers(1, 20))
def test_of_equal_shares_those_that_stand_first_get_the_units_that_remain(
    total: int, count: int
) -> None:
    parts = amounts(total, split(*[Fraction(1, count)] * count))

    assert all(first >= second for first, second in pairwise(parts))
    assert max(parts) - min(parts) <= 1


@given(TOTALS, st.integers(0, 2**53 - 1), st.integers(0, 100))
def test_fixed_amounts_come_first_then_shares_then_the_rest(
    total: int, fixed: int, percent: int
) -> None:
    one = split(Fraction(percent, 100), fixed, Rest())
    if fixed > total:
        assert problem(total, one) is SplitProblem.TOO_LITTLE
    else:
        share = (total - fixed) * percent // 100
        assert amounts(total, one) == [share, fixed, total - fixed - share]


def test_what_a_cap_leaves_over_goes_to_the_rest() -> None:
    capped = Split((Part("a", Fraction(1, 2), max_minor=30), Part("b", Rest())))

    assert amounts(100, capped) == [30, 70]
    assert problem(100, Split((Part("a", Fraction(1), max_minor=30),))) is SplitProblem.REMAINS
    both = Split((Part("a", 10), Part("b", Rest(), max_minor=50)))
    assert problem(100, both) is SplitProblem.REMAINS


def test_a_least_part_that_is_not_reached_refuses_it_all() -> None:
    least = Split((Part("a", Fraction(1, 2), min_minor=51), Part("b", Rest())))

    assert problem(100, least) is SplitProblem.TOO_LITTLE
    assert amounts(102, least) == [51, 51]


def test_a_part_may_be_split_again() -> None:
    market = Split((Part("fee", Fraction(1, 10)), Part(split(Fraction(1, 3), Rest()), Rest())))

    assert divide(100, market) == [("fee", 10), ("0", 30), ("1", 60)]


@each_row(
    ("one", "wrong"),
    [
        (split(), SplitProblem.PARTS),
        (split(Rest(), Rest()), SplitProblem.SHARES),
        (split(Fraction(1, 2)), SplitProblem.SHARES),
        (split(Fraction(2, 3), Fraction(2, 3), Rest()), SplitProblem.SHARES),
        (split(Fraction(3, 2), Fraction(-1, 2)), SplitProblem.SHARES),
        (split(Fraction(1, 10_001), Rest()), SplitProblem.SHARES),
        (split(*[Fraction(1, PARTS_MAX + 1)] * (PARTS_MAX + 1)), SplitProblem.PARTS),
    ],
)
def test_what_is_not_well_formed_is_refused(one: Split, wrong: SplitProblem) -> None:
    assert problem(100, one) is wrong


def test_it_is_nested_to_its_bound_and_not_deeper() -> None:
    one = split(Rest())
    for _ in range(DEPTH_MAX - 1):
        one = Split((Part(one, Rest()),))

    assert amounts(7, one) == [7]
    assert problem(7, Split((Part(one, Rest()),))) is SplitProblem.DEPTH


def test_a_greater_total_can_lower_a_part_by_a_unit() -> None:
    """The price of the rule "in their order": told, so that nobody counts on more."""
    fifths = split(Fraction(2, 5), Fraction(1, 5), Fraction(2, 5))

    assert amounts(2, fifths) == [1, 1, 0]
    assert amounts(3, fifths) == [2, 0, 1]
