"""Working days: when something is due, and when an office may speak.

A day is a day in the office's time zone, whatever the clocks do on it; what is due on a day is due
at its end. An office's calendar says which days it does not work.
"""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

import attrs

WORKING_DAYS_MAX: Final = 1_000
"""Longest deadline."""
HOLIDAYS_MAX: Final = 1_000
"""Most holidays of a calendar."""
DAYS_MAX: Final = 36_500
"""Longest span in calendar days."""
MORNING: Final = dt.time(9)
"""When reminders are sent, local time."""
DAY_MS: Final = 24 * 60 * 60 * 1000

_WEEK_DAYS: Final = 7
_DAY: Final = dt.timedelta(days=1)


def _check_weekend(_: object, __: object, value: frozenset[int]) -> None:
    if not all(0 <= day < _WEEK_DAYS for day in value) or len(value) == _WEEK_DAYS:
        raise ValueError("weekend days are 0 (Monday) to 6, and one day at least is none")


def _check_holidays(_: object, __: object, value: frozenset[dt.date]) -> None:
    if len(value) > HOLIDAYS_MAX:
        raise ValueError(f"a calendar has at most {HOLIDAYS_MAX} holidays")


@attrs.frozen
class Calendar:
    """The days on which an office works.

    Attributes:
        time_zone: IANA name.
        weekend: Days of the week without work, 0 is Monday; never all seven.
        holidays: Further days without work, at most ``HOLIDAYS_MAX``.

    Raises:
        ValueError: An argument is out of bounds.
        zoneinfo.ZoneInfoNotFoundError: There is no such time zone.
    """

    time_zone: str
    weekend: frozenset[int] = attrs.field(default=frozenset({5, 6}), validator=_check_weekend)
    holidays: frozenset[dt.date] = attrs.field(default=frozenset(), validator=_check_holidays)

    def __attrs_post_init__(self) -> None:
        ZoneInfo(self.time_zone)

    def date(self, at_ms: int) -> dt.date:
        """The date of a moment at the office."""
        return self._local(at_ms).date()

    def is_working(self, day: dt.date) -> bool:
        """Return whether the office works on a day."""
        return day.weekday() not in self.weekend and day not in self.holidays

    def after_working_days(self, at_ms: int, days: int) -> int:
        """The end of the ``days``-th working day after the day of ``at_ms``, ms UTC.

        Args:
            at_ms: UTC.
            days: 1 to ``WORKING_DAYS_MAX``.

        Raises:
            ValueError: ``days`` is out of bounds.
        """
        if not 1 <= days <= WORKING_DAYS_MAX:
            raise ValueError(f"days must be 1 to {WORKING_DAYS_MAX}")
        day = self.date(at_ms)
        while days:
            day += _DAY
            days -= self.is_working(day)
        return self._end(day)

    def after_days(self, at_ms: int, days: int) -> int:
        """The end of the day that is ``days`` calendar days after that of ``at_ms``, ms UTC.

        Raises:
            ValueError: ``days`` is not 0 to ``DAYS_MAX``.
        """
        if not 0 <= days <= DAYS_MAX:
            raise ValueError(f"days must be 0 to {DAYS_MAX}")
        return self._end(self.date(at_ms) + days * _DAY)

    def working_days_until(self, at_ms: int, due_at_ms: int) -> int:
        """Working days after the day of ``at_ms`` up to that of ``due_at_ms``.

        0 if it is due today or was; at most ``WORKING_DAYS_MAX``.
        """
        day, last = self.date(at_ms), self.date(due_at_ms)
        count = 0
        while day < last and count < WORKING_DAYS_MAX:
            day += _DAY
            count += self.is_working(day)
        return count

    def morning_before(self, due_at_ms: int) -> int:
        """``MORNING`` of the last working day before the day of ``due_at_ms``, ms UTC."""
        day = self.date(due_at_ms) - _DAY
        while not self.is_working(day):
            day -= _DAY
        return self._at(day, MORNING)

    def outside(self, at_ms: int, quiet: QuietHours | None) -> int:
        """``at_ms``, or the end of the quiet hours that it falls into."""
        if quiet is None:
            return at_ms
        local = self._local(at_ms)
        if not quiet.covers(local.time()):
            return at_ms
        is_tomorrow = quiet.begin > quiet.end and local.time() >= quiet.begin
        day = local.date() + _DAY if is_tomorrow else local.date()
        return max(at_ms, self._at(day, quiet.end))

    def _local(self, at_ms: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(at_ms / 1000, ZoneInfo(self.time_zone))

    def _at(self, day: dt.date, time: dt.time) -> int:
        # A time that the clocks skip counts as the moment at which they skip (PEP 495, fold 0).
        moment = dt.datetime.combine(day, time, ZoneInfo(self.time_zone))
        return int(moment.timestamp() * 1000)

    def _end(self, day: dt.date) -> int:
        return self._at(day + _DAY, dt.time()) - 1


@attrs.frozen
class QuietHours:
    """Hours in which no reminder is sent, local time; they may reach over midnight.

    Attributes:
        begin: The first quiet minute.
        end: The first minute that is not; never equal to ``begin``.
    """

    begin: dt.time
    end: dt.time

    def covers(self, time: dt.time) -> bool:
        """Return whether a time of the day is quiet."""
        if self.begin < self.end:
            return self.begin <= time < self.end
        return time >= self.begin or time < self.end
