"""Until when signers have time, as people type it: "3 weeks", "24 December 2026", "24.12.2026"."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from appservices.signing.sessions.core.records import DEADLINE_MS_MAX
from veche.protocol.forms.dates import read_date
from veche.protocol.forms.models import Field, FieldKind
from veche.protocol.forms.problems import FieldError
from veche.protocol.forms.values import FieldContext

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATE: Final = Field(id="until", kind=FieldKind.DATE, label="until")
_DAY_MS: Final = 86_400_000
_UNITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("day", "days", "день", "дня", "дней", "tag", "tage", "tagen"), 1),
    **dict.fromkeys(("дні", "днів"), 1),
    **dict.fromkeys(("week", "weeks", "неделя", "недели", "недель", "неделю"), 7),
    **dict.fromkeys(("woche", "wochen", "тиждень", "тижні", "тижнів"), 7),
}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,2})(?: ([^\W\d_]+))?")
_PREFIX: Final = re.compile(r"(?:until|до|bis|in|через|за) ", re.IGNORECASE)


def read_until(typed: str, now_ms: int, language: str, time_zone: str) -> int | None:
    """The moment until which there is time, UTC: the end of that day; None: it cannot be read.

    Args:
        typed: What was typed; a bare number is of days.
        now_ms: UTC.
        language: Of the person.
        time_zone: In which days end.
    """
    words = _PREFIX.sub("", " ".join(typed.split()), count=1)
    today = dt.datetime.fromtimestamp(now_ms / 1000, ZoneInfo(time_zone)).date()
    day = _day_of_span(words, today) or _day_of_date(words, today, language, time_zone)
    if day is None or not today <= day <= today + dt.timedelta(DEADLINE_MS_MAX // _DAY_MS):
        return None
    after = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(time_zone))
    # The last moment of the day that was typed: midnight would be shown as the day after.
    return min(int(after.timestamp()) * 1000 - 1, now_ms + DEADLINE_MS_MAX)


def _day_of_span(words: str, today: dt.date) -> dt.date | None:
    found = _SPAN.fullmatch(words)
    unit = 1 if found is None or found[2] is None else _UNITS.get(found[2].casefold())
    if found is None or unit is None:
        return None
    return today + dt.timedelta(days=int(found[1]) * unit)


def _day_of_date(words: str, today: dt.date, language: str, time_zone: str) -> dt.date | None:
    context = FieldContext(language=language, today=today, time_zone=time_zone, default_region="ZZ")
    try:
        return read_date(_DATE, words, context)
    except FieldError:
        return None
