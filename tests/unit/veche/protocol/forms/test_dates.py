"""Dates and moments: the many ways people write them, and none of them guessed."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import TODAY, field, person, read, refusal
from veche.protocol.forms import FieldError, Problem, parse_value
from veche.protocol.forms.dates import DATE_CHARACTERS_MAX, YEAR_MAX, YEAR_MIN
from veche.protocol.texts.catalogue import LANGUAGES, show_date, show_date_time

CHRISTMAS_EVE = "2026-12-24"


@each_row("language", LANGUAGES)
@each_row(
    "typed",
    [
        "2026-12-24", "2026/12/24", "2026.12.24", "24.12.2026", "24. 12. 2026", " 24.12.2026 ",
        "24/12/2026", "24-12-2026", "24 12 2026", "12/24/2026", "12-24-2026",
        "24 December 2026", "24th December 2026", "24th of December 2026", "December 24, 2026",
        "December 24th, 2026", "Dec 24 2026", "24 dec. 2026", "24-Dec-2026", "24DEC2026",
        "24 декабря 2026", "24 декабря 2026 г.", "24 декабря 2026 года", "24-го декабря 2026",
        "24 дек. 2026", "декабрь 24, 2026", "24. Dezember 2026", "24. Dez. 2026", "24 dez 2026",
        "24 грудня 2026", "24 грудня 2026 р.", "24 грудня 2026 року", "24 груд. 2026",
        "２４.１２.２０２６", "24\u00a0December\u202f2026", "24.12.2026 г.", "24.12.2026г",
    ],
)  # fmt: skip
def test_dates_that_have_one_reading_are_read_in_all_languages(language: str, typed: str) -> None:
    assert read("date", typed, person(language)) == CHRISTMAS_EVE


@each_row("language", LANGUAGES)
@each_row("month", range(1, 13))
def test_every_month_is_known_by_the_name_we_show(language: str, month: int) -> None:
    day = dt.date(2026, month, 5)

    for reader in LANGUAGES:
        assert read("date", show_date(day, language), person(reader)) == day.isoformat()


@each_row(
    ("language", "region", "value"),
    [
        ("ru", "RU", "2026-04-03"), ("de", "US", "2026-04-03"), ("uk", "UA", "2026-04-03"),
        ("en", "GB", "2026-04-03"), ("en", "IN", "2026-04-03"), ("en", "US", "2026-03-04"),
        ("en", "DE", None), ("en", "CA", None), ("en", "ZZ", None), ("en", "RU", None),
    ],
)  # fmt: skip
@each_row("typed", ["03/04/2026", "3-4-2026", "3/4/2026", "3 4 2026"])
def test_the_third_of_april_or_the_fourth_of_march_is_asked_again_where_both_are_written(
    language: str, region: str, value: str | None, typed: str
) -> None:
    who = person(language, region)

    if value is None:
        assert refusal("date", typed, who) is Problem.TWO_DATES
    else:
        assert read("date", typed, who) == value


def test_a_doubtful_date_is_refused_with_both_readings() -> None:
    with pytest.raises(FieldError) as caught:
        parse_value(field("date"), "03/04/2026", person("en", "DE"))

    assert str(caught.value) == (
        "Answer: This can be 3 April 2026 or 4 March 2026."
        " Please write the month as a word, like 3 April 2026."
    )


def test_a_date_with_points_has_its_day_first_everywhere() -> None:
    assert read("date", "03.04.2026", person("en", "US")) == "2026-04-03"
    assert refusal("date", "12.24.2026", person("en", "US")) is Problem.NO_SUCH_DAY


def test_the_same_day_and_month_are_in_no_doubt() -> None:
    assert read("date", "05/05/2026", person("en", "DE")) == "2026-05-05"


@each_row(
    ("typed", "days"),
    [
        ("today", 0), ("Tomorrow", 1), ("yesterday", -1), ("сегодня", 0), ("завтра", 1),
        ("вчера", -1), ("heute", 0), ("morgen", 1), ("gestern", -1), ("сьогодні", 0), ("вчора", -1),
    ],
)  # fmt: skip
def test_days_near_today_have_words(typed: str, days: int) -> None:
    assert read("date", typed) == (TODAY + dt.timedelta(days)).isoformat()


@each_row(
    ("typed", "problem"),
    [
        ("31.02.2026", Problem.NO_SUCH_DAY), ("29.02.2025", Problem.NO_SUCH_DAY),
        ("2026-13-01", Problem.NO_SUCH_DAY), ("2026-00-10", Problem.NO_SUCH_DAY),
        ("32 December 2026", Problem.NO_SUCH_DAY), ("0.1.2026", Problem.NO_SUCH_DAY),
        ("13/13/2026", Problem.NO_SUCH_DAY), ("24.12.0000", Problem.NO_SUCH_DAY),
        ("24.12.26", Problem.SHORT_YEAR), ("24 December 26", Problem.SHORT_YEAR),
        ("24.12.126", Problem.SHORT_YEAR), ("26-12-24", Problem.SHORT_YEAR),
        ("24.12", Problem.NOT_A_DATE), ("24 December", Problem.NOT_A_DATE),
        ("24 Brumaire 2026", Problem.NOT_A_DATE), ("2026", Problem.NOT_A_DATE),
        ("soon", Problem.NOT_A_DATE), ("24.12.2026 18:00", Problem.NOT_A_DATE),
        ("24/12.2026", Problem.NOT_A_DATE), ("123.12.2026", Problem.NOT_A_DATE),
        ("٢٤.١٢.٢٠٢٦", Problem.NOT_A_DATE), ("24.12.20266", Problem.NOT_A_DATE),
        ("morgen früh", Problem.NOT_A_DATE), ("-24.12.2026", Problem.NOT_A_DATE),
        (20261224, Problem.NOT_TEXT), (["2026-12-24"], Problem.NOT_TEXT),
        (dt.date(2026, 12, 24), Problem.NOT_TEXT),
    ],
)  # fmt: skip
@each_row("language", LANGUAGES)
def test_what_is_no_date_is_refused(language: str, typed: object, problem: Problem) -> None:
    assert refusal("date", typed, person(language)) is problem


def test_years_have_four_digits() -> None:
    assert read("date", f"1.1.{YEAR_MIN}") == f"{YEAR_MIN}-01-01"
    assert read("date", f"31.12.{YEAR_MAX}") == f"{YEAR_MAX}-12-31"
    assert refusal("date", f"1.1.{YEAR_MAX + 1}") is Problem.NO_SUCH_DAY
    assert refusal("date", "1.1.0999") is Problem.NO_SUCH_DAY


def test_a_long_text_is_no_date() -> None:
    date = "24 December 2026"
    longest = f"24{' ' * 3}December 2026"

    assert read("date", longest) == CHRISTMAS_EVE
    assert refusal("date", date + "x" * DATE_CHARACTERS_MAX) is Problem.NOT_A_DATE


@each_row(
    ("typed", "bounds", "problem"),
    [
        ("15.03.2026", {"min": "today"}, None),
        ("14.03.2026", {"min": "today"}, Problem.TOO_EARLY),
        ("15.03.2026", {"max": "today"}, None),
        ("16.03.2026", {"max": "today"}, Problem.TOO_LATE),
        ("tomorrow", {"max": "today"}, Problem.TOO_LATE),
        ("2026-01-01", {"min": "2026-01-01", "max": "2026-01-01"}, None),
        ("2025-12-31", {"min": "2026-01-01"}, Problem.TOO_EARLY),
        ("2026-01-02", {"max": "2026-01-01"}, Problem.TOO_LATE),
    ],
)
def test_bounds_of_a_date_may_be_today(
    typed: str, bounds: dict[str, Any], problem: Problem | None
) -> None:
    if problem is None:
        assert read("date", typed, **bounds)
    else:
        assert refusal("date", typed, **bounds) is problem


def moment(text: str, zone: str = "Europe/Berlin") -> dict[str, object]:
    local = dt.datetime.fromisoformat(text)
    aware = local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone))
    return {"at_ms": round(aware.timestamp()) * 1000, "time_zone": zone}


@each_row("language", LANGUAGES)
@each_row(
    "typed",
    [
        "2026-12-24T18:30", "2026-12-24 18:30", "2026-12-24t18:30:00", "2026-12-24T18:30:00.000",
        "24.12.2026 18:30", "24.12.2026, 18:30", "24.12.2026 18.30", "24.12.2026 6:30 pm",
        "24 December 2026 at 6:30pm", "24 December 2026, 6:30 p.m.", "December 24, 2026 18:30",
        "24 декабря 2026 в 18:30", "24 декабря 2026 г., 18:30", "24. Dezember 2026 um 18:30 Uhr",
        "24 грудня 2026 о 18:30", "2026-12-24T18:30+01:00", "2026-12-24T17:30Z",
        "2026-12-24T17:30 UTC", "24.12.2026 18:30 +0100", "24.12.2026 19:30 GMT+2",
        "24.12.2026 18:30 Europe/Berlin", "24.12.2026 12:30:00 -05:00",
    ],
)  # fmt: skip
def test_moments_are_read_in_all_languages(language: str, typed: str) -> None:
    assert read("date_time", typed, person(language)) == moment("2026-12-24T18:30")


@each_row(
    ("typed", "value"),
    [
        ("24.12.2026 18 Uhr", "2026-12-24T18:00"), ("24.12.2026 12 am", "2026-12-24T00:00"),
        ("24.12.2026 12pm", "2026-12-24T12:00"), ("24.12.2026 1 am", "2026-12-24T01:00"),
        ("24.12.2026 18 часов", "2026-12-24T18:00"), ("24.12.2026 0:00", "2026-12-24T00:00"),
        ("tomorrow 9:05", "2026-03-16T09:05"), ("завтра в 9:05", "2026-03-16T09:05"),
    ],
)  # fmt: skip
def test_hours_have_several_clocks(typed: str, value: str) -> None:
    assert read("date_time", typed) == moment(value)


@each_row(
    ("typed", "problem"),
    [
        ("24.12.2026", Problem.NO_TIME), ("tomorrow", Problem.NO_TIME),
        ("24 December 2026", Problem.NO_TIME), ("18:30", Problem.NOT_A_MOMENT),
        ("24.12.2026 25:00", Problem.NOT_A_MOMENT), ("24.12.2026 18:60", Problem.NOT_A_MOMENT),
        ("24.12.2026 13 pm", Problem.NOT_A_MOMENT), ("24.12.2026 0 am", Problem.NOT_A_MOMENT),
        ("24.12.2026 18", Problem.NOT_A_MOMENT), ("soon", Problem.NOT_A_MOMENT),
        ("24.12.2026 18:30 CST", Problem.NOT_A_MOMENT), ("24.12.2026 18:30 +25:00",
        Problem.NOT_A_MOMENT), ("24.12.2026 18:30 sharp", Problem.NOT_A_MOMENT),
        ("31.02.2026 18:30", Problem.NO_SUCH_DAY), ("24.12.26 18:30", Problem.SHORT_YEAR),
        ("soon 18:30", Problem.NOT_A_DATE), (f"1.1.{YEAR_MIN} 0:00 +12:00", Problem.NO_SUCH_DAY),
        (f"31.12.{YEAR_MAX} 23:00", Problem.NO_SUCH_DAY),
        ("24.12.2026 18:30" + " x" * DATE_CHARACTERS_MAX, Problem.NOT_A_MOMENT),
        (1_800_000_000_000, Problem.NOT_TEXT), ({"at_ms": "1"}, Problem.NOT_A_MOMENT),
        ({"at_ms": True}, Problem.NOT_A_MOMENT), ({"at_ms": 1.0}, Problem.NOT_A_MOMENT),
        ({"at_ms": 10**18}, Problem.NO_SUCH_DAY), ({"at_ms": -(10**18)}, Problem.NO_SUCH_DAY),
        ({"time_zone": "Europe/Berlin"}, Problem.NOT_A_MOMENT),
        ({"at_ms": 0, "time_zone": "Mars/Base"}, Problem.NOT_A_MOMENT),
        ({"at_ms": 0, "time_zone": "../../etc/passwd"}, Problem.NOT_A_MOMENT),
        ({"at_ms": 0, "time_zone": None}, Problem.NOT_A_MOMENT),
    ],
)  # fmt: skip
@each_row("language", LANGUAGES)
def test_what_is_no_moment_is_refused(language: str, typed: object, problem: Problem) -> None:
    assert refusal("date_time", typed, person(language)) is problem


def test_a_structured_moment_may_name_its_zone() -> None:
    assert read("date_time", {"at_ms": 5}) == {"at_ms": 5, "time_zone": "Europe/Berlin"}
    kyiv = {"at_ms": 1_800_000_000_000, "time_zone": "Europe/Kyiv"}
    assert read("date_time", kyiv) == kyiv


def test_a_time_that_the_clocks_leave_out_is_refused() -> None:
    assert refusal("date_time", "29.03.2026 02:30") is Problem.SKIPPED_TIME
    assert read("date_time", "29.03.2026 03:00") == moment("2026-03-29T01:00+00:00") | {
        "time_zone": "Europe/Berlin"
    }


def test_a_time_that_comes_twice_is_asked_again_with_both() -> None:
    with pytest.raises(FieldError) as caught:
        parse_value(field("date_time"), "25.10.2026 02:30", person())

    assert caught.value.problem is Problem.DOUBLE_TIME
    assert "02:30 +02:00 or 02:30 +01:00" in str(caught.value)
    for zone, utc in (("+02:00", "00:30"), ("+01:00", "01:30")):
        value = read("date_time", f"25.10.2026 02:30 {zone}")
        expected = moment(f"2026-10-25T{utc}+00:00")
        assert value == expected | {"time_zone": "Europe/Berlin"}


@each_row(
    ("typed", "bounds", "problem"),
    [
        ("15.03.2026 00:00", {"min": "today"}, None),
        ("14.03.2026 23:59", {"min": "today"}, Problem.TOO_EARLY),
        ("15.03.2026 23:59", {"max": "today"}, None),
        ("16.03.2026 00:00", {"max": "today"}, Problem.TOO_LATE),
        # In Berlin it is the sixteenth already.
        ("15.03.2026 23:30Z", {"max": "today"}, Problem.TOO_LATE),
    ],
)
def test_bounds_of_a_moment_are_days_where_the_person_is(
    typed: str, bounds: dict[str, Any], problem: Problem | None
) -> None:
    if problem is None:
        assert read("date_time", typed, **bounds)
    else:
        assert refusal("date_time", typed, **bounds) is problem


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Europe/Kyiv", "America/New_York", "UTC"])
@given(
    at_minute=st.integers(-10_000_000, 50_000_000),
    language=st.sampled_from(LANGUAGES),
)
def test_a_shown_moment_reads_as_itself(zone: str, at_minute: int, language: str) -> None:
    at_ms = at_minute * 60_000
    offset = dt.datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone)).utcoffset()
    if offset is None or offset.seconds % 60:
        return  # Before there were zones, a city's own time had seconds, which are not shown.

    value = read("date_time", show_date_time(at_ms, language, zone), person(language, zone=zone))

    assert value == {"at_ms": at_ms, "time_zone": zone}
