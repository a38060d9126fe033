"""Parser of a day with a time, meant where the person is.

Twice a year a clock's time is no moment, or two: then the person is asked, never guessed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_name

from veche.protocol.forms.dates import (
    DATE_CHARACTERS_MAX,
    EXAMPLE,
    YEAR_MAX,
    YEAR_MIN,
    check_day,
    read_date,
)
from veche.protocol.forms.models import fold
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import FieldContext, is_time_zone, plain_of

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field

_MS: Final = 1000
_NOON: Final = 12
# A day inside the first and the last year, so that no time zone leads out of them.
_AT_MS_MIN: Final = int(dt.datetime(YEAR_MIN, 1, 2, tzinfo=dt.UTC).timestamp()) * _MS
_AT_MS_MAX: Final = int(dt.datetime(YEAR_MAX, 12, 30, tzinfo=dt.UTC).timestamp()) * _MS

_HALF: Final = r" ?[ap]\.?m\b\.?"
_HOUR_WORD: Final = r" ?(?:uhr|ч|час|часа|часов|год|година|години|годин)\b\.?"
# Minutes, or a word that says that the number is an hour: else "24 December 2026" would be 20 h.
_TYPED: Final = re.compile(
    r"(?P<day>.+?)(?:,? |t)(?:(?:at|um|в|о|об) )?(?P<hour>[0-9]{1,2})"
    r"(?:[:.](?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.0+)?)?(?![0-9])"
    rf"(?P<half>{_HALF})?(?:{_HOUR_WORD})?|(?P<half_alone>{_HALF})|{_HOUR_WORD})"
    r"(?P<zone> ?[^ ].*)?"
)
_OFFSET: Final = re.compile(r"(?:utc|gmt)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?")


def parse_date_time(field: Field, raw: object, context: FieldContext) -> dict[str, Any]:
    """A moment, ``{"at_ms": …, "time_zone": …}``, its day within ``min`` and ``max``.

    A structured answer may be ``{"at_ms": …}`` with or without ``time_zone``. Typed text without
    an offset is meant in the person's time zone.
    """
    time_zone = context.time_zone
    if isinstance(raw, Mapping):
        at_ms, time_zone = _structured(field, raw, context)
    else:
        text = plain_of(field, raw)
        at_ms = _read_moment(field, text if len(text) <= DATE_CHARACTERS_MAX else "", context)
    moment = dt.datetime.fromtimestamp(at_ms // _MS, ZoneInfo(time_zone))
    check_day(field, moment.date(), context)
    return {"at_ms": at_ms, "time_zone": time_zone}


def _wrong(field: Field, problem: Problem) -> FieldError:
    return FieldError.of(field, problem, example=(EXAMPLE, "18:30"))


def _structured(field: Field, raw: Mapping[Any, Any], context: FieldContext) -> tuple[int, str]:
    at_ms, time_zone = raw.get("at_ms"), raw.get("time_zone", context.time_zone)
    if not isinstance(at_ms, int) or isinstance(at_ms, bool) or not is_time_zone(time_zone):
        raise _wrong(field, Problem.NOT_A_MOMENT)
    if not _AT_MS_MIN <= at_ms <= _AT_MS_MAX:
        raise _wrong(field, Problem.NO_SUCH_DAY)
    return at_ms, str(time_zone)


def _read_moment(field: Field, text: str, context: FieldContext) -> int:
    found = _TYPED.fullmatch(fold(text))
    if not found:
        raise _wrong(field, _missing_part(field, text, context))
    day = read_date(field, found["day"], context)
    local = dt.datetime.combine(day, _time(field, found))
    at_ms = int(_zoned(field, local, (found["zone"] or "").strip(), context).timestamp()) * _MS
    if not _AT_MS_MIN <= at_ms <= _AT_MS_MAX:
        raise _wrong(field, Problem.NO_SUCH_DAY)
    return at_ms


def _missing_part(field: Field, text: str, context: FieldContext) -> Problem:
    try:
        read_date(field, text, context)
    except FieldError:
        return Problem.NOT_A_MOMENT
    return Problem.NO_TIME


def _time(field: Field, found: re.Match[str]) -> dt.time:
    hour = int(found["hour"])
    if half := found["half"] or found["half_alone"]:
        if not 1 <= hour <= _NOON:
            raise _wrong(field, Problem.NOT_A_MOMENT)
        hour = hour % _NOON + (_NOON if "p" in half else 0)
    try:
        return dt.time(hour, int(found["minute"] or 0), int(found["second"] or 0))
    except ValueError as e:
        raise _wrong(field, Problem.NOT_A_MOMENT) from e


def _zoned(field: Field, local: dt.datetime, zone: str, context: FieldContext) -> dt.datetime:
    """The moment that a clock's time is, by what was written of a zone behind it."""
    if zone:
        offset = _offset(zone)
        if offset is not None:
            return local.replace(tzinfo=offset)
    first = local.replace(tzinfo=ZoneInfo(context.time_zone), fold=0)
    second = first.replace(fold=1)
    if zone:
        named = [moment for moment in (first, second) if zone in _zone_names(moment, context)]
        if not named:
            raise _wrong(field, Problem.NOT_A_MOMENT)
        first, second = named[0], named[-1]
    before, after = first.utcoffset(), second.utcoffset()
    if before == after:
        return first
    if before is not None and after is not None and before < after:
        raise FieldError.of(field, Problem.SKIPPED_TIME)
    both = {"first": _with_offset(first), "second": _with_offset(second)}
    raise FieldError.of(field, Problem.DOUBLE_TIME, **both)


def _with_offset(moment: dt.datetime) -> str:
    offset = f"{moment:%z}"
    return f"{moment:%H:%M} {offset[:3]}:{offset[3:5]}"


def _offset(zone: str) -> dt.timezone | None:
    if zone in {"z", "utc", "gmt"}:
        return dt.UTC
    found = _OFFSET.fullmatch(zone)
    if not found:
        return None
    size = dt.timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if size >= dt.timedelta(days=1):
        return None
    return dt.timezone(size if found[1] == "+" else -size)


def _zone_names(moment: dt.datetime, context: FieldContext) -> set[str]:
    """Return the names of the zone at a moment: as we show it, and its IANA name."""
    tag = "en_GB" if context.language == "en" else context.language
    shown = get_timezone_name(moment, "short", locale=tag)
    return {fold(shown), fold(context.time_zone)}
