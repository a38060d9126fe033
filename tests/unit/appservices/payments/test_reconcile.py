from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.banks.core.port import Entry
from appservices.payments.banks.core.reconcile import (
    SUBSET_ITEMS_MAX,
    Expected,
    Match,
    Reason,
    difference_minor,
    name_ratio,
    reconcile,
    unique_subset,
)
from tests.support.tables import each_row
from tests.unit.appservices.payments.rails.builders import DAY, IBANS, entry

RF = "RF18539007547034"


def wanted(id_: str = "x", amount_minor: int | None = 1250, **changes: object) -> Expected:
    return attrs.evolve(Expected(id_, amount_minor, True, "EUR"), **changes)  # type: ignore[arg-type]  # a builder


WORDS = st.sampled_from(["", "a", "b"])
LINES = st.lists(
    st.builds(
        Entry,
        key=st.sampled_from("ABCDEFGH"),
        amount_minor=st.integers(1, 6),
        is_credit=st.booleans(),
        currency=st.sampled_from(["EUR", "USD"]),
        booked_on=st.just(DAY),
        order_id=WORDS,
        other_name=st.sampled_from(["", "Anna Petrova", "Boris"]),
        other_account=st.sampled_from(["", *IBANS]),
        own_account=WORDS,
        reference=WORDS,
        return_code=st.sampled_from(["", "", "MS03"]),
    ),
    max_size=8,
)
WANTED = st.lists(
    st.builds(
        Expected,
        id=st.sampled_from("uvwxyz"),
        amount_minor=st.none() | st.integers(1, 9),
        is_credit=st.booleans(),
        currency=st.just("EUR"),
        order_id=WORDS,
        reference=WORDS,
        virtual_account=WORDS,
        other_account=st.sampled_from(["", *IBANS]),
        other_name=st.sampled_from(["", "Petrova Anna", "Boris"]),
        due_on=st.none() | st.just(DAY),
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)


@given(LINES, WANTED, st.sets(st.sampled_from("ABCDEFGH"), max_size=3))
def test_every_line_counts_once_and_matches_sum_up(
    lines: list[Entry], expected: list[Expected], seen: set[str]
) -> None:
    done = reconcile(lines, expected, seen)
    by_key = {line.key: line for line in reversed(lines)}
    by_id = {one.id: one for one in expected}
    used = Counter(key for match in done.matches for key in match.entries)
    used.update(one.entry.key for one in done.unclear)

    assert used.keys() == {line.key for line in lines} - seen
    assert set(used.values()) <= {1}
    assert len(done.seen) + sum(used.values()) == len(lines)
    for match in done.matches:
        sides = {(by_key[k].is_credit, by_key[k].currency) for k in match.entries}
        assert sides == {(by_id[i].is_credit, by_id[i].currency) for i in match.expected}
        assert min(len(match.entries), len(match.expected)) == 1
        amounts = [by_id[i].amount_minor for i in match.expected]
        assert amounts == [None] or sum(a or 0 for a in amounts) == sum(
            by_key[k].amount_minor for k in match.entries
        )
        assert not any(by_key[k].return_code for k in match.entries)


@given(LINES, WANTED)
def test_no_expectation_of_a_fixed_amount_is_met_twice(
    lines: list[Entry], expected: list[Expected]
) -> None:
    done = reconcile(lines, expected)
    fixed = {one.id for one in expected if one.amount_minor is not None}
    met = Counter(i for match in done.matches for i in match.expected if i in fixed)

    assert set(met.values()) <= {1}
    assert set(met) | (set(done.open) & fixed) == fixed


@each_row(
    ("line", "one", "reason"),
    [
        ({"order_id": "O"}, {"order_id": "O"}, Reason.ORDER),
        ({"reference": RF}, {"reference": RF}, Reason.REFERENCE),
        ({"own_account": "V"}, {"virtual_account": "V"}, Reason.ACCOUNT),
        (
            {"other_account": IBANS[0], "text": "invoice r e-17"},
            {"other_account": IBANS[0], "invoice": "RE-17"},
            Reason.EXACT,
        ),
        (
            {"other_name": "PETROVA  anna"},
            {"other_name": "Anna Petrova", "due_on": DAY},
            Reason.SCORED,
        ),
    ],
)
def test_a_line_is_taken_for_what_it_says(
    line: dict[str, Any], one: dict[str, Any], reason: Reason
) -> None:
    done = reconcile([entry(1, **line)], [wanted(**one)])
    assert done.matches == (Match(("K1",), ("x",), reason),)
    assert (done.unclear, done.open) == ((), ())


@each_row(
    "change",
    [
        {"amount_minor": 1251},
        {"is_credit": False},
        {"currency": "USD"},
        {"return_code": "MS03"},
    ],
)
def test_the_right_reference_with_another_amount_is_for_a_person(change: dict[str, int]) -> None:
    line = attrs.evolve(entry(1, reference=RF), **change)  # type: ignore[arg-type]  # a builder
    done = reconcile([line], [wanted(reference=RF)])
    assert (done.matches, done.open) == ((), ("x",))
    assert [one.entry for one in done.unclear] == [line]


def test_a_top_up_takes_any_amount_any_number_of_times() -> None:
    lines = [entry(1, 5, reference=RF), entry(2, 7, reference=RF)]
    done = reconcile(lines, [wanted(amount_minor=None, reference=RF)])
    assert [match.entries for match in done.matches] == [("K1",), ("K2",)]


def test_a_line_that_counted_before_counts_no_more() -> None:
    done = reconcile([entry(1, order_id="O")], [wanted(order_id="O")], seen={"K1"})
    assert (done.seen, done.matches, done.open) == (("K1",), (), ("x",))


def test_of_two_that_would_do_none_is_taken_and_both_are_guesses() -> None:
    two = [wanted(id_, other_name="Anna Petrova", due_on=DAY) for id_ in ("x", "y")]
    done = reconcile([entry(1, other_name="Anna Petrova")], two)
    assert done.matches == ()
    assert set(done.unclear[0].guesses) == {"x", "y"}


def test_a_payment_long_after_its_day_is_for_a_person() -> None:
    one = wanted(other_name="Anna", due_on=DAY - dt.timedelta(days=6))
    assert reconcile([entry(1, other_name="Anna")], [one]).matches == ()


def test_several_lines_may_make_one_and_one_line_several() -> None:
    line: dict[str, Any] = {"other_account": IBANS[0]}
    one_to_n = reconcile([entry(1, 12, **line)], [wanted("x", 5, **line), wanted("y", 7, **line)])
    n_to_one = reconcile([entry(1, 5, **line), entry(2, 7, **line)], [wanted("x", 12, **line)])

    assert one_to_n.matches == (Match(("K1",), ("x", "y"), Reason.SUM),)
    assert n_to_one.matches == (Match(("K1", "K2"), ("x",), Reason.SUM),)


def test_sums_of_strangers_are_chance() -> None:
    lines = [entry(1, 5, other_account=IBANS[0]), entry(2, 7, other_account=IBANS[1])]
    assert reconcile(lines, [wanted("x", 12, other_account=IBANS[2])]).matches == ()


@given(st.lists(st.integers(1, 30), max_size=SUBSET_ITEMS_MAX), st.integers(0, 100))
def test_a_subset_is_found_if_there_is_exactly_one(amounts: list[int], total: int) -> None:
    ways = [
        places
        for count in range(2, len(amounts) + 1)
        for places in itertools.combinations(range(len(amounts)), count)
        if sum(amounts[place] for place in places) == total
    ]
    assert unique_subset(amounts, total) == (ways[0] if len(ways) == 1 else None)


def test_more_amounts_than_the_bound_are_not_looked_at() -> None:
    assert unique_subset([1, 2, *([50] * (SUBSET_ITEMS_MAX - 2))], 3) == (0, 1)
    assert unique_subset([1, 2, *([50] * (SUBSET_ITEMS_MAX - 1))], 3) is None


@each_row(
    ("one", "other", "is_near"),
    [
        ("Anna Petrova", "PETROVA, ANNA", True),
        ("Anna Petrova", "Anna Petrowa", True),
        ("Anna Petrova", "Anna", False),
        ("Anna Petrova", "Boris Petrov", False),
    ],
)
def test_names_are_compared_by_their_words(one: str, other: str, is_near: bool) -> None:
    assert (name_ratio(one, other) >= 0.9) is is_near


def test_a_day_ends_even_if_ledger_and_lines_on_their_way_make_the_banks_balance() -> None:
    on_the_way = [entry(1, 5), entry(2, 2, is_credit=False)]
    assert difference_minor(100, 103, on_the_way) == 0
    assert difference_minor(100, 104, on_the_way) == 1
