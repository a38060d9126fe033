"""When nobody is disturbed, and how far a moment is put off because of it."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

import attrs

_DAY: Final = dt.timedelta(days=1)


@attrs.frozen
class QuietHours:
    """The hours in which nobody is reminded.

    Attributes:
        start: Hour of the day from which it is quiet, 0 to 23.
        end: Hour until which it is; the same as ``start``: it never is.
        time_zone: IANA name.
    """

    start: int
    end: int
    time_zone: str

    def after(self, at_ms: int) -> int:
        """The first moment from ``at_ms`` on in which it is not quiet, UTC."""
        local = dt.datetime.fromtimestamp(at_ms / 1000, ZoneInfo(self.time_zone))
        if not self._is_quiet(local.hour):
            return at_ms
        morning = local.replace(hour=self.end, minute=0, second=0, microsecond=0)
        if morning <= local:
            morning += _DAY
        return int(morning.timestamp()) * 1000

    def _is_quiet(self, hour: int) -> bool:
        if self.start <= self.end:
            return self.start <= hour < self.end
        return hour >= self.start or hour < self.end
