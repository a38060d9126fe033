"""Quiet hours, and until when there is time."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from appservices.signing.drafting.core.until import read_until
from appservices.signing.sessions.core.quiet import QuietHours
from tests.support.tables import each_row

BERLIN = ZoneInfo("Europe/Berlin")


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(dt.datetime(year, month, day, hour, minute, tzinfo=BERLIN).timestamp()) * 1000


NOW = ms(2026, 11, 26, 12)


@each_row(
    ("at", "after"),
    [
        ((2026, 11, 26, 12), (2026, 11, 26, 12)),
        ((2026, 11, 26, 20, 59), (2026, 11, 26, 20, 59)),
        ((2026, 11, 26, 21), (2026, 11, 27, 8)),
        ((2026, 11, 27, 3, 30), (2026, 11, 27, 8)),
        ((2026, 11, 27, 8), (2026, 11, 27, 8)),
        # The night in which clocks go back has an hour more.
        ((2026, 10, 24, 23), (2026, 10, 25, 8)),
    ],
)
def test_nights_are_quiet(at: tuple[int, ...], after: tuple[int, ...]) -> None:
    assert QuietHours(21, 8, "Europe/Berlin").after(ms(*at)) == ms(*after)


def test_a_quiet_noon_and_no_quiet_hours() -> None:
    assert QuietHours(12, 14, "Europe/Berlin").after(NOW) == ms(2026, 11, 26, 14)
    assert QuietHours(8, 8, "Europe/Berlin").after(NOW) == NOW


@given(st.integers(0, 23), st.integers(0, 23), st.integers(0, 10**13))
def test_it_is_never_quiet_afterwards(start: int, end: int, at_ms: int) -> None:
    hours = QuietHours(start, end, "Europe/Berlin")
    after = hours.after(at_ms)
    assert at_ms <= after <= at_ms + 25 * 3_600_000
    assert hours.after(after) == after


@each_row(
    ("typed", "midnight"),
    [
        ("14", (2026, 12, 11)),
        ("14 days", (2026, 12, 11)),
        ("3 weeks", (2026, 12, 18)),
        ("in 3 Wochen", (2026, 12, 18)),
        ("через 2 недели", (2026, 12, 11)),
        ("2 тижні", (2026, 12, 11)),
        ("24 December 2026", (2026, 12, 25)),
        ("until 24.12.2026", (2026, 12, 25)),
        ("до 24 декабря 2026", (2026, 12, 25)),
        ("today", (2026, 11, 27)),
        ("tomorrow", (2026, 11, 28)),
    ],
)
def test_until_the_last_moment_of_a_day(typed: str, midnight: tuple[int, ...]) -> None:
    """Midnight itself would be shown as the day after that which was typed."""
    assert read_until(typed, NOW, "en", "Europe/Berlin") == ms(*midnight) - 1


def test_no_longer_than_allowed() -> None:
    assert read_until("180 days", NOW, "en", "Europe/Berlin") == NOW + 180 * 86_400_000
    for typed in ("", "0", "181", "yesterday", "1 year", "soon", "24.12.2099", "1 января 1000"):
        assert read_until(typed, NOW, "en", "Europe/Berlin") is None
