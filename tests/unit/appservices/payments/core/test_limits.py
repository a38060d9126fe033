"""Own limits: stricter at once, weaker after a day, whatever is tried."""

from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.holders.core import (
    NO_LIMIT,
    WEAKER_MS,
    LimitKind,
    LimitOrder,
    OwnLimit,
    changed,
    read_limit,
)
from tests.support.tables import each_row

NOW_MS = 1_764_000_000_000
AMOUNTS = st.integers(0, NO_LIMIT)


def test_a_lower_limit_counts_at_once_and_a_higher_one_a_day_later() -> None:
    assert changed(OwnLimit(100), 50, NOW_MS) == OwnLimit(50)
    higher = changed(OwnLimit(100), 200, NOW_MS)

    assert higher.at(NOW_MS + WEAKER_MS - 1).minor == 100
    assert higher.at(NOW_MS + WEAKER_MS) == OwnLimit(200)


def test_a_lower_limit_takes_back_a_higher_one_that_waits() -> None:
    waiting = changed(OwnLimit(100), 200, NOW_MS)

    assert changed(waiting, 100, NOW_MS + 1) == OwnLimit(100)


@given(st.lists(st.tuples(AMOUNTS, st.integers(0, WEAKER_MS)), max_size=20), AMOUNTS)
def test_within_a_day_no_row_of_changes_makes_a_limit_weaker(
    changes: list[tuple[int, int]], first: int
) -> None:
    limit, now_ms = OwnLimit(first), NOW_MS
    for minor, wait_ms in changes:
        before, now_ms = limit.at(now_ms).minor, now_ms + wait_ms % (WEAKER_MS // 20)
        limit = changed(limit, minor, now_ms)
        assert limit.at(now_ms).minor <= before


@each_row(
    ("typed", "read"),
    [
        ("day 100 EUR", LimitOrder(LimitKind.DAY, 10_000, "EUR")),
        ("день 100", LimitOrder(LimitKind.DAY, 10_000, "EUR")),
        ("first 50,00 €", LimitOrder(LimitKind.FIRST_PAYEE, 5_000, "EUR")),
        ("Tag aus", LimitOrder(LimitKind.DAY, NO_LIMIT, "EUR")),
        ("", OrderProblem.USAGE),
        ("week 100 EUR", OrderProblem.USAGE),
        ("day", OrderProblem.USAGE),
        ("day 100 EUR please", OrderProblem.USAGE),
        ("day 1,000", OrderProblem.AMOUNT_IN_DOUBT),
        ("day 100 USD", OrderProblem.OTHER_CURRENCY),
    ],
)
def test_what_is_clear_is_read(typed: str, read: object) -> None:
    assert read_limit(typed, ["EUR"]) == read
