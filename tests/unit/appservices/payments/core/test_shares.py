"""Shares of what an invoice is paid, and their refunds: exact for all amounts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.amounts.core.split import DEPTH_MAX, PARTS_MAX, SplitError, SplitProblem
from appservices.payments.invoices.core.shares import Passed, passed_on, taken_back
from tests.support.tables import each_row
from veche.contracts.payments.invoice_terms import InvoiceShare

TOTALS = st.integers(1, 2**53 - 1)
PER_MILLES = st.lists(st.integers(1, 200), max_size=5)


def share(to: str = "baker", **more: object) -> InvoiceShare:
    return InvoiceShare.model_validate({"to": to, **more})


def amounts(total: int, *shares: InvoiceShare) -> list[tuple[str, int]]:
    return [(one.to, one.amount_minor) for one in passed_on(total, shares, "market")]


def test_fixed_ones_first_then_thousandths_and_the_rest_is_the_payees_own() -> None:
    found = passed_on(
        10_000,
        [share(per_mille=800), share("hub", minor=150, what="fee"), share("town", per_mille=190)],
        "market",
    )

    assert found == [
        Passed(1, "baker", "share", 7_880),
        Passed(2, "hub", "fee", 150),
        Passed(3, "town", "share", 1_871),
    ]


@given(TOTALS, PER_MILLES, st.integers(0, 1_000))
def test_no_more_is_passed_on_than_is_paid(total: int, per_milles: list[int], fixed: int) -> None:
    shares = [share(f"s{n}", per_mille=one) for n, one in enumerate(per_milles)]
    if fixed:
        shares.append(share("fixed", minor=fixed))
    if fixed > total:
        with pytest.raises(SplitError):
            amounts(total, *shares)
        return
    found = amounts(total, *shares)

    assert all(minor >= 1 for _, minor in found)
    left = total - fixed
    assert sum(minor for _, minor in found) == fixed + sum(left * o // 1_000 for o in per_milles)


def test_what_is_its_own_or_nothing_is_not_moved() -> None:
    assert amounts(1, share(per_mille=999), share("market", minor=1)) == []


def test_a_share_is_shared_once_more() -> None:
    inner = InvoiceShare.model_validate(
        {
            "parts": [{"to": "a", "per_mille": 500}, {"to": "b", "per_mille": 500}],
            "per_mille": 300,
        }
    )

    assert amounts(1_001, inner, share("hub", rest=True)) == [("a", 150), ("b", 150), ("hub", 701)]


def test_what_a_cap_leaves_over_is_the_payees_own() -> None:
    assert amounts(1_000, share(per_mille=500, max_minor=100)) == [("baker", 100)]


@each_row(
    ("shares", "problem"),
    [
        ([share(per_mille=600), share(per_mille=401)], SplitProblem.SHARES),
        ([share(rest=True), share(rest=True)], SplitProblem.SHARES),
        ([share(minor=101)], SplitProblem.TOO_LITTLE),
        ([share(per_mille=10, min_minor=2)], SplitProblem.TOO_LITTLE),
        ([share(per_mille=1)] * PARTS_MAX, SplitProblem.PARTS),
    ],
)
def test_what_cannot_be_shared_is_refused(
    shares: list[InvoiceShare], problem: SplitProblem
) -> None:
    with pytest.raises(SplitError) as caught:
        passed_on(100, shares, "market")
    assert caught.value.problem is problem


def test_it_is_nested_to_its_bound_and_not_deeper() -> None:
    one: dict[str, object] = {"to": "baker", "rest": True}
    for _ in range(DEPTH_MAX - 1):
        one = {"parts": [one], "rest": True}

    assert amounts(7, InvoiceShare.model_validate(one)) == [("baker", 7)]
    with pytest.raises(SplitError):
        amounts(7, InvoiceShare.model_validate({"parts": [one], "rest": True}))


@each_row(
    "wrong",
    [
        {"per_mille": 1},
        {"to": "a", "parts": [{"to": "b", "rest": True}], "per_mille": 1},
        {"to": "a"},
        {"to": "a", "per_mille": 1, "minor": 1},
        {"to": "a", "per_mille": 1_001},
        {"to": "a", "per_mille": 0},
        {"to": "a", "minor": 0},
        {"to": "A B", "minor": 1},
    ],
)
def test_a_share_names_one_payee_and_one_amount(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        InvoiceShare.model_validate(wrong)


@given(
    st.integers(1, 10**12),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    st.lists(st.integers(1, 10**12), max_size=6),
)
def test_refunds_take_back_in_proportion_and_in_the_end_exactly_what_was_got(
    total: int, weights: list[int], refunds: list[int]
) -> None:
    whole = sum(weights) + 1
    got = {n: total * one // whole for n, one in enumerate(weights, 1)}
    back = dict.fromkeys(got, 0)
    cumulative = sorted({one % total for one in refunds} | {0, total})
    for before, now in pairwise(cumulative):
        taken = taken_back(total, now, {n: (got[n], back[n]) for n in got})
        assert all(minor > 0 for minor in taken.values())
        # The payee bears what rounding leaves, and gets at most a unit a part too much.
        assert sum(taken.values()) <= now - before + len(got)
        for n, minor in taken.items():
            back[n] += minor
        assert all(back[n] == got[n] * now // total for n in got)

    assert back == got


def test_a_refund_that_failed_is_made_up_for_by_the_next_one() -> None:
    # 10 of 20 went back at the second try, of which the part has given back nothing before.
    assert taken_back(100, 20, {1: (50, 0)}) == {1: 10}
    assert taken_back(100, 20, {1: (50, 30)}) == {}
