"""The whole table of a bill that several pay, and how it is divided: to the last unit."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.amounts.core.split import PARTS_MAX, SplitError
from appservices.payments.bills.core.bill import (
    BILL_TABLE,
    OVER,
    Bill,
    BillEffect,
    BillInput,
    BillState,
    BillStateError,
    Sharer,
    shares_of,
    step_bill,
    without,
)
from tests.support.tables import each_row

TOTALS = st.integers(0, 2**53 - 1)


def bill(state: BillState) -> Bill:
    return Bill("01KAXV3Q0G0000000000000000", 1, 1, 6000, state, 9)


@st.composite
def sharers(draw: st.DrawFn) -> list[Sharer]:
    """At least one of them with parts."""
    parts = draw(st.lists(st.integers(1, 100), min_size=1, max_size=25))
    fixed = draw(st.lists(st.integers(0, 10**6), max_size=25))
    everybody = [Sharer(f"p{n}", one) for n, one in enumerate(parts)]
    everybody += [Sharer(f"f{n}", fixed_minor=one) for n, one in enumerate(fixed)]
    return draw(st.permutations(everybody))


@each_row(("state", "heard"), list(itertools.product(BillState, BillInput)))
def test_a_step_is_in_the_table_or_changes_nothing(state: BillState, heard: BillInput) -> None:
    if (state, heard) in BILL_TABLE:
        after, effects = step_bill(bill(state), heard)
        assert (after.state, effects) == BILL_TABLE[state, heard]
    else:
        with pytest.raises(BillStateError, match=f"the bill is {state.value} already"):
            step_bill(bill(state), heard)


def test_only_what_all_agreed_to_is_posted_and_only_the_writer_ends_that() -> None:
    into = {key for key, (state, _) in BILL_TABLE.items() if state is BillState.POSTING}
    out = {heard for state, heard in BILL_TABLE if state is BillState.POSTING}

    assert into == {(BillState.OPEN, BillInput.FULL)}
    assert out == {BillInput.MOVED, BillInput.NOT_MOVED}


def test_whatever_ends_without_money_gives_back_what_is_set_aside() -> None:
    for state, effects in BILL_TABLE.values():
        is_without = state in OVER and state is not BillState.PAID
        assert (BillEffect.RELEASE in effects) == is_without


def test_nothing_leaves_a_state_that_is_over() -> None:
    assert {state for state, _ in BILL_TABLE} == set(BillState) - OVER


@given(TOTALS, sharers())
def test_the_shares_are_the_bill(total: int, everybody: list[Sharer]) -> None:
    fixed = sum(one.fixed_minor or 0 for one in everybody)
    if fixed > total:
        with pytest.raises(SplitError):
            shares_of(total, everybody)
        return
    shares = shares_of(total, everybody)

    assert sum(shares) == total
    assert min(shares) >= 0
    whole = sum(one.parts for one in everybody if one.fixed_minor is None)
    for one, minor in zip(everybody, shares, strict=True):
        if one.fixed_minor is not None:
            assert minor == one.fixed_minor
        else:
            least = (total - fixed) * one.parts // whole
            assert least <= minor <= least + 1


def test_the_units_that_remain_go_to_who_stands_first() -> None:
    assert shares_of(100, [Sharer("a"), Sharer("b"), Sharer("c")]) == [34, 33, 33]
    assert shares_of(101, [Sharer("a", 2), Sharer("b")]) == [68, 33]
    assert shares_of(6000, [Sharer("a"), Sharer("b", fixed_minor=1000)]) == [5000, 1000]


@pytest.mark.parametrize("fixed", [[1], [3], [1, 1, 1]])
def test_fixed_amounts_alone_have_to_be_the_bill(fixed: list[int]) -> None:
    everybody = [Sharer(str(n), fixed_minor=one) for n, one in enumerate(fixed)]

    with pytest.raises(SplitError):
        shares_of(2, everybody)
    assert shares_of(sum(fixed), everybody) == fixed


def test_it_is_divided_among_as_many_as_may_share_it_and_no_more() -> None:
    most = [Sharer(str(n)) for n in range(PARTS_MAX)]

    assert shares_of(PARTS_MAX, most) == [1] * PARTS_MAX
    with pytest.raises(SplitError):
        shares_of(PARTS_MAX + 1, [*most, Sharer("more")])


@given(TOTALS, sharers(), st.data())
def test_whoever_remains_can_always_pay_the_whole(
    total: int, everybody: list[Sharer], data: st.DataObject
) -> None:
    if sum(one.fixed_minor or 0 for one in everybody) > total:
        return
    gone = data.draw(st.lists(st.sampled_from([one.who for one in everybody])))
    left = without(everybody, gone)

    assert {one.who for one in left} == {one.who for one in everybody} - set(gone)
    if left:
        assert sum(shares_of(total, left)) == total


def test_fixed_amounts_are_kept_while_somebody_has_parts() -> None:
    fixed, first, second = Sharer("f", fixed_minor=10), Sharer("a"), Sharer("b")

    assert without([fixed, first, second], ["a"]) == [fixed, second]
    assert without([fixed, first], ["a"]) == [Sharer("f")]
