"""Periods: hours, days, and the periods of caps."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_MONTHS: Final = 12
_UTC: Final = dt.UTC
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=_UTC)
Period = Literal["day", "week", "month", "year"]
_DAYS: Final[Mapping[Period, int]] = {"day": 1, "week": 7}
_MONTHS_OF: Final[Mapping[Period, int]] = {"month": 1, "year": _MONTHS}


def period_start_ms(starts_at_ms: int, period: Period, number: int) -> int:
    """When the ``number``-th period begins, from 0, UTC; the one before it ends then.

    Args:
        starts_at_ms: When the first one begins, UTC.
        period: Its unit.
        number: At least 0.
    """
    if period in _DAYS:
        return starts_at_ms + number * _DAYS[period] * DAY_MS
    start = _EPOCH + dt.timedelta(milliseconds=starts_at_ms)
    months = start.year * _MONTHS + start.month - 1 + number * _MONTHS_OF[period]
    year, month = divmod(months, _MONTHS)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    moved = start.replace(year=year, month=month + 1, day=day)
    return (moved - _EPOCH) // dt.timedelta(milliseconds=1)


def period_number(starts_at_ms: int, period: Period, at_ms: int) -> int:
    """In which period a moment lies, from 0.

    Args:
        starts_at_ms: When the first one begins, UTC.
        period: Its unit.
        at_ms: Not before it, UTC.
    """
    longest_ms = (_DAYS[period] if period in _DAYS else 31 * _MONTHS_OF[period]) * DAY_MS
    number = (at_ms - starts_at_ms) // longest_ms  # never too many
    while period_start_ms(starts_at_ms, period, number + 1) <= at_ms:
        number += 1
    return number
