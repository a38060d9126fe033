"""Lines, taxes and totals of an invoice add up, whatever is in it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.tax.core.tax import WHOLE, Amount, Taxed, taxed
from tests.support.tables import each_row
from veche.contracts.payments.invoice_tax import LineTax
from veche.protocol.errors import MalformedError
from veche.protocol.wire import parse

FULL = LineTax(category="S", basis_points=1900)
LOW = LineTax(category="S", basis_points=700)
NONE = LineTax(category="Z")
_TAXES = st.sampled_from(
    [
        FULL,
        LOW,
        NONE,
        LineTax(category="S", basis_points=525),
        LineTax(category="S", basis_points=1),
    ]
)
_LINES = st.lists(
    st.builds(Amount, st.just("x"), st.integers(-(10**9), 10**9), _TAXES), min_size=1, max_size=20
)


def one(minor: int, tax: LineTax = FULL) -> Amount:
    return Amount("x", minor, tax)


def sums(found: Taxed) -> tuple[int, int, int]:
    return found.net_minor, found.tax_minor, found.rounding_minor


def test_a_price_with_tax_is_taken_apart() -> None:
    assert sums(taxed([one(119_00)])) == (100_00, 19_00, 0)


def test_what_no_price_with_its_tax_makes_is_rounded_as_a_whole() -> None:
    # 0.04 with 19 %: 0.03 and 0.01 make 0.04; 0.03 with 7 %: 0.03 and 0.00.
    assert sums(taxed([one(4)])) == (3, 1, 0)
    # Of 0.09 at 19 % the price is 0.08, its tax 0.02: a cent too much.
    assert sums(taxed([one(9)])) == (8, 2, -1)


def test_no_cent_is_left_over_of_many_lines() -> None:
    found = taxed([one(33)] * 10)

    assert sum(line.net_minor for line in found.lines) == found.net_minor == 277
    assert {line.net_minor for line in found.lines} == {27, 28}


def test_each_rate_has_one_group() -> None:
    found = taxed([one(119), one(107, LOW), one(238), one(50, NONE)])

    assert [group.net_minor for group in found.groups] == [300, 100, 50]
    assert [group.tax_minor for group in found.groups] == [57, 7, 0]


def test_what_comes_on_top_is_taxed_as_the_lines_are() -> None:
    found = taxed([one(300), one(100, LOW)], 40, "Delivery")

    assert [(extra.gross_minor, extra.tax) for extra in found.extras] == [(30, FULL), (10, LOW)]
    assert found.gross_minor == 440
    assert found.lines_minor + sum(extra.net_minor for extra in found.extras) == found.net_minor


def test_reasons_of_one_group_are_told_together() -> None:
    first, second = (LineTax(category="E", reason=why) for why in ("School", "Doctor"))

    [group] = taxed([one(1, first), one(2, second), one(3, first)]).groups

    assert group.tax.reason == "School; Doctor"


@given(_LINES, st.integers(-(10**9), 10**9))
def test_whatever_is_in_it_an_invoice_adds_up(lines: list[Amount], extra_minor: int) -> None:
    has_weight = any(
        sum(line.gross_minor for line in lines if line.tax == tax) > 0
        for tax in {line.tax.basis_points: line.tax for line in lines}.values()
    )
    extra_minor = extra_minor if has_weight else 0

    found = taxed(lines, extra_minor, "more")

    assert found.gross_minor == sum(line.gross_minor for line in lines) + extra_minor
    everything = [*found.lines, *found.extras]
    for group in found.groups:
        members = [a for a in everything if a.tax.basis_points == group.tax.basis_points]
        assert sum(a.net_minor for a in members) == group.net_minor
        exact = Fraction(group.net_minor * group.tax.basis_points, WHOLE)
        assert abs(group.tax_minor - exact) <= Fraction(1, 2)
    for amount in everything:
        whole = Fraction(amount.gross_minor * WHOLE, WHOLE + amount.tax.basis_points)
        assert abs(amount.net_minor - whole) <= 1
    assert abs(found.rounding_minor) <= len(found.groups)


@each_row(
    "wrong",
    [
        {"category": "S"},
        {"category": "S", "basis_points": 10_001},
        {"category": "S", "basis_points": 100, "reason": "x"},
        {"category": "Z", "basis_points": 1},
        {"category": "E"},
        {"category": "O", "basis_points": 1},
        {"category": "AE"},
    ],
)
def test_taxes_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        parse(LineTax, wrong, where="tax")
