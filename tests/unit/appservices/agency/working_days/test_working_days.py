"""Working days: over weekends, holidays and the hours that clocks skip or repeat."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.agency.working_days.core import (
    DAYS_MAX,
    HOLIDAYS_MAX,
    WORKING_DAYS_MAX,
    Calendar,
    QuietHours,
)
from tests.support.tables import each_row

RIGA = Calendar("Europe/Riga")


def at(text: str, zone: str = "Europe/Riga") -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp() * 1000)


def shown(at_ms: int, zone: str = "Europe/Riga") -> str:
    moment = dt.datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@each_row(
    ("start", "days", "due"),
    [
        ("2025-11-24T18:00", 5, "2025-12-01 23:59:59"),  # Monday: over one weekend
        ("2025-11-28T23:59", 1, "2025-12-01 23:59:59"),  # Friday night: due on Monday
        ("2025-11-29T12:00", 1, "2025-12-01 23:59:59"),  # begun on a Saturday
        ("2025-11-24T00:00", 1, "2025-11-25 23:59:59"),  # the first minute of a day is that day
        ("2026-03-27T12:00", 1, "2026-03-30 23:59:59"),  # over the night that skips an hour
        ("2026-10-23T12:00", 1, "2026-10-26 23:59:59"),  # over the night that repeats one
    ],
)
def test_a_deadline_is_the_end_of_a_working_day(start: str, days: int, due: str) -> None:
    assert shown(RIGA.after_working_days(at(start), days)) == due


def test_holidays_do_not_count() -> None:
    calendar = Calendar(
        "Europe/Riga", holidays=frozenset({dt.date(2025, 12, 24), dt.date(2025, 12, 25)})
    )
    due_at_ms = calendar.after_working_days(at("2025-12-23T10:00"), 1)
    assert shown(due_at_ms) == "2025-12-26 23:59:59"


def test_an_office_has_its_own_weekend() -> None:
    calendar = Calendar("Asia/Dubai", weekend=frozenset({4}))
    due_at_ms = calendar.after_working_days(at("2025-11-27T10:00", "Asia/Dubai"), 1)
    assert shown(due_at_ms, "Asia/Dubai") == "2025-11-29 23:59:59"


def test_the_day_is_that_of_the_office() -> None:
    # 23:30 UTC on Monday is Tuesday in Riga.
    start = at("2025-11-24T23:30", "UTC")
    assert shown(RIGA.after_working_days(start, 1)) == "2025-11-26 23:59:59"


def test_a_midnight_that_does_not_exist_is_survived() -> None:
    # In Beirut the clocks go from 24:00 to 01:00 at the end of March.
    beirut = Calendar("Asia/Beirut", weekend=frozenset())
    due_at_ms = beirut.after_days(at("2026-03-27T10:00", "Asia/Beirut"), 1)
    assert shown(due_at_ms, "Asia/Beirut") == "2026-03-28 23:59:59"


def test_working_days_until_counts_what_after_gives() -> None:
    start = at("2025-11-24T18:00")
    assert RIGA.working_days_until(start, RIGA.after_working_days(start, 7)) == 7


def test_nothing_is_left_of_what_is_due_today_or_was() -> None:
    start = at("2025-11-24T18:00")
    assert RIGA.working_days_until(start, start) == 0
    assert RIGA.working_days_until(start, at("2025-11-01T00:00")) == 0


def test_working_days_until_is_bounded() -> None:
    start = at("2025-01-01T00:00")
    assert RIGA.working_days_until(start, at("2100-01-01T00:00")) == WORKING_DAYS_MAX


def test_reminders_come_on_the_morning_of_the_working_day_before() -> None:
    monday_end = RIGA.after_working_days(at("2025-11-24T18:00"), 5)
    assert shown(RIGA.morning_before(monday_end)) == "2025-11-28 09:00:00"


@pytest.mark.parametrize("days", [0, WORKING_DAYS_MAX + 1, -1])
def test_working_days_have_bounds(days: int) -> None:
    with pytest.raises(ValueError, match="days must be"):
        RIGA.after_working_days(0, days)


def test_the_longest_deadline_works() -> None:
    assert RIGA.after_working_days(0, WORKING_DAYS_MAX) > 0


@pytest.mark.parametrize("days", [-1, DAYS_MAX + 1])
def test_calendar_days_have_bounds(days: int) -> None:
    with pytest.raises(ValueError, match="days must be"):
        RIGA.after_days(0, days)


@pytest.mark.parametrize("weekend", [frozenset(range(7)), frozenset({7}), frozenset({-1})])
def test_a_weekend_leaves_a_day_to_work(weekend: frozenset[int]) -> None:
    with pytest.raises(ValueError, match="weekend days"):
        Calendar("UTC", weekend=weekend)


def test_holidays_have_a_bound() -> None:
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=n) for n in range(HOLIDAYS_MAX + 1)]
    calendar = Calendar("UTC", holidays=frozenset(days[:-1]))

    assert shown(calendar.after_working_days(at("2026-01-01T00:00"), 1), "UTC") > "2028-09"
    with pytest.raises(ValueError, match="holidays"):
        Calendar("UTC", holidays=frozenset(days))


def test_a_time_zone_must_exist() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        Calendar("Europe/Nowhere")


class TestQuietHours:
    NIGHT = QuietHours(dt.time(22), dt.time(7))
    NOON = QuietHours(dt.time(12), dt.time(13, 30))

    @each_row(
        ("moment", "expected"),
        [
            ("2025-11-24T21:59", "2025-11-24 21:59:00"),
            ("2025-11-24T22:00", "2025-11-25 07:00:00"),
            ("2025-11-25T06:59", "2025-11-25 07:00:00"),
            ("2025-11-25T07:00", "2025-11-25 07:00:00"),
        ],
    )
    def test_over_midnight(self, moment: str, expected: str) -> None:
        assert shown(RIGA.outside(at(moment), self.NIGHT)) == expected

    def test_within_a_day(self) -> None:
        assert shown(RIGA.outside(at("2025-11-24T12:10"), self.NOON)) == "2025-11-24 13:30:00"

    def test_none_are_never_quiet(self) -> None:
        assert RIGA.outside(at("2025-11-24T03:00"), None) == at("2025-11-24T03:00")


ZONES = st.sampled_from(["Europe/Riga", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
MOMENTS = st.integers(0, 4_000_000_000_000)


@given(ZONES, MOMENTS, st.integers(1, 60))
def test_every_deadline_is_the_last_moment_of_a_working_day(
    zone: str, start_ms: int, days: int
) -> None:
    calendar = Calendar(zone)
    due_at_ms = calendar.after_working_days(start_ms, days)

    assert calendar.is_working(calendar.date(due_at_ms))
    assert calendar.date(due_at_ms + 1) == calendar.date(due_at_ms) + dt.timedelta(days=1)
    assert calendar.working_days_until(start_ms, due_at_ms) == days


@given(ZONES, MOMENTS, st.integers(0, 1439), st.integers(0, 1439))
def test_no_moment_that_is_given_out_is_quiet(zone: str, at_ms: int, begin: int, end: int) -> None:
    if begin == end:
        return
    quiet = QuietHours(dt.time(begin // 60, begin % 60), dt.time(end // 60, end % 60))
    found_ms = Calendar(zone).outside(at_ms, quiet)
    local = dt.datetime.fromtimestamp(found_ms / 1000, ZoneInfo(zone))

    assert found_ms >= at_ms
    # Where the clocks change within the quiet hours the moment is right by the old or new time.
    skipped = (local.utcoffset(), (local - dt.timedelta(hours=26)).utcoffset())
    assert not quiet.covers(local.time()) or skipped[0] != skipped[1]
