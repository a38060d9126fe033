"""What refunds take back of a tax invoice: never more than it has, in the end exactly that."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.tax.core.credit import credited, fits, left_of
from appservices.payments.tax.core.tax import Amount, taxed
from veche.contracts.payments.invoice_tax import LineTax

FULL: Final = LineTax(category="S", basis_points=1900)
LOW: Final = LineTax(category="S", basis_points=700)
OTHER: Final = LineTax(category="Z")


def line(minor: int, tax: LineTax = FULL, text: str = "x") -> Amount:
    return Amount(text, minor, tax)


INVOICE: Final = taxed([line(300, text="Coffee"), line(100, LOW, "Bread")], 40, "Delivery")


def test_the_whole_is_taken_back_line_by_line() -> None:
    lines = credited(INVOICE, [], 440, [], "part")

    assert [(one.text, one.gross_minor) for one in lines] == [
        ("Coffee", 300),
        ("Bread", 100),
        ("Delivery", 30),
        ("Delivery", 10),
    ]
    assert taxed(lines).groups == INVOICE.groups


def test_a_part_is_taken_back_of_all_rates_in_proportion() -> None:
    lines = credited(INVOICE, [], 44, [], "part")

    assert lines == [line(33, text="part"), line(11, LOW, "part")]


def test_whoever_gives_back_says_for_what() -> None:
    wanted = [line(100, LOW, "Bread")]

    assert credited(INVOICE, [], 100, wanted, "part") == wanted
    # They count only if they make the amount, at rates and in sums that there are.
    for wrong in ([line(99, LOW)], [line(111, LOW)], [line(100, OTHER)], [line(-1), line(101)]):
        assert not fits(INVOICE, [], 100, wrong)
        assert credited(INVOICE, [], 100, wrong, "part")[0].text == "part"
    assert not fits(INVOICE, wanted, 100, wanted)


def test_a_tip_that_is_given_back_is_not_of_the_invoice() -> None:
    assert sum(one.gross_minor for one in credited(INVOICE, [], 500, [], "part")) == 440
    assert credited(INVOICE, credited(INVOICE, [], 440, [], "part"), 60, [], "part") == []


_LINES = st.lists(
    st.builds(line, st.integers(1, 10_000), st.sampled_from([FULL, LOW, OTHER])),
    min_size=1,
    max_size=5,
)


@given(_LINES, st.integers(0, 999), st.lists(st.integers(1, 5_000), max_size=6))
def test_all_together_take_back_the_invoice_and_nothing_twice(
    lines: list[Amount], extra_minor: int, parts: list[int]
) -> None:
    invoice = taxed(lines, extra_minor, "more")
    before: list[Amount] = []
    for minor in [*parts, invoice.gross_minor]:
        left = sum(one for one, _ in left_of(invoice, before).values())
        found = credited(invoice, before, minor, [], "part")
        assert sum(one.gross_minor for one in found) == min(minor, left)
        before += found

    assert left_of(invoice, before) == {}
    for group in invoice.groups:
        gross = [
            sum(one.gross_minor for one in amounts if one.tax == group.tax)
            for amounts in (before, [*invoice.lines, *invoice.extras])
        ]
        assert gross[0] == gross[1]
