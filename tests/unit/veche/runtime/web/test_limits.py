"""Token buckets: how often somebody may ask, and how much is remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from veche.runtime.web.limits import Buckets, Limit


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    buckets = Buckets(Limit(burst=3, per_s=2))

    assert [buckets.spend("a", 100.0) for _ in range(5)] == [0, 0, 0, 500, 500]
    assert buckets.spend("a", 100.4) == pytest.approx(100, abs=1)
    assert buckets.spend("a", 100.5) == 0
    assert buckets.spend("a", 100.5) == 500


def test_each_key_has_its_own() -> None:
    buckets = Buckets(Limit(burst=1, per_s=1))
    assert [buckets.spend(key, 0.0) for key in "abab"] == [0, 0, 1000, 1000]


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    buckets = Buckets(Limit(burst=2, per_s=10))
    buckets.spend("a", 0.0)
    assert [buckets.spend("a", 1e9) > 0 for _ in range(3)] == [False, False, True]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = Buckets(Limit(burst=1, per_s=1000))
    assert buckets.spend("a", 100.0) == 0
    assert buckets.spend("a", 50.0) > 0


def test_a_refusal_is_never_zero() -> None:
    buckets = Buckets(Limit(burst=1, per_s=1e9))
    buckets.spend("a", 0.0)
    assert buckets.spend("a", 0.0) == 1


def test_who_asked_longest_ago_is_forgotten() -> None:
    buckets = Buckets(Limit(burst=1, per_s=0.001), buckets_max=2)
    buckets.spend("a", 0.0)
    buckets.spend("b", 0.0)
    buckets.spend("a", 0.0)  # refused, and the newest
    buckets.spend("c", 0.0)

    assert len(buckets) == 2
    assert buckets.spend("a", 0.0) > 0
    assert buckets.spend("b", 0.0) == 0


@given(
    st.integers(1, 20),
    st.floats(0.1, 50),
    st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_no_more_pass_than_the_limit_says(burst: int, per_s: float, gaps_s: list[float]) -> None:
    buckets = Buckets(Limit(burst, per_s))
    now_s, passed = 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        passed += buckets.spend("a", now_s) == 0
    # The first may come when the bucket is full: what was before it counts for nothing.
    assert passed <= burst + (now_s - gaps_s[0]) * per_s + 1e-6


@given(st.integers(1, 5), st.floats(0.1, 50))
def test_after_the_told_time_it_passes(burst: int, per_s: float) -> None:
    buckets = Buckets(Limit(burst, per_s))
    while not (wait_ms := buckets.spend("a", 0.0)):
        pass
    assert buckets.spend("a", (wait_ms + 1) / 1000) == 0


@each_row(("burst", "per_s"), [(0, 1), (-1, 1), (1, 0), (1, -1)])
def test_a_limit_lets_somebody_pass(burst: int, per_s: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        Limit(burst, per_s)


def test_who_takes_more_than_is_left_waits_until_it_is_paid_back() -> None:
    buckets = Buckets(Limit(burst=10, per_s=2))

    assert buckets.spend("a", 0, 30) == 0
    assert buckets.spend("a", 0, 1) == 10_500
    assert buckets.spend("a", 10.4, 1) > 0
    assert buckets.spend("a", 10.5, 0) == 0
