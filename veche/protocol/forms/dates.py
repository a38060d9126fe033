"""Parser of dates, in the ways people of four languages write them.

A date that can be read in two ways is asked again and never guessed: a wrong date of birth is worse
than one question more.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

from babel import localedata
from babel.languages import get_official_languages

from veche.protocol.forms.models import TODAY, fold
from veche.protocol.forms.problems import FieldError, Problem
from veche.protocol.forms.values import FieldContext, plain_of
from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.texts.locales import locale_of

if TYPE_CHECKING:
    from veche.protocol.forms.models import Field

YEAR_MIN: Final = 1000
YEAR_MAX: Final = 2999
"""Years that a form can ask for: those of four digits, as far as anybody has papers for."""
DATE_CHARACTERS_MAX: Final = 100

EXAMPLE: Final = dt.date(2026, 12, 24)

_RELATIVE: Final = {
    "today": 0, "tomorrow": 1, "yesterday": -1,
    "сегодня": 0, "завтра": 1, "вчера": -1,
    "heute": 0, "morgen": 1, "gestern": -1,
    "сьогодні": 0, "вчора": -1,
}  # fmt: skip
_ORDINAL: Final = r"(?:\.|st|nd|rd|th|-?(?:го|ого|е|ое|те))?"
_NUMERIC: Final = re.compile(r"([0-9]{1,4}) ?([./ -]) ?([0-9]{1,2}) ?\2 ?([0-9]{1,4})")
_DAY_FIRST: Final = re.compile(
    rf"(?P<day>[0-9]{{1,2}}){_ORDINAL}[ /-]*(?:of )?(?P<month>[^\W\d_]+)\.?"
    r"[ ,./-]*(?P<year>[0-9]{1,4})"
)
_MONTH_FIRST: Final = re.compile(
    rf"(?P<month>[^\W\d_]+)\.?[ /-]*(?P<day>[0-9]{{1,2}}){_ORDINAL}[ ,/-]+(?P<year>[0-9]{{1,4}})"
)
_YEAR_WORD: Final = re.compile(r"(?<=[0-9]) ?(?:г|год|года|р|рік|року)\.?$")
_YEAR_DIGITS: Final = 4
_MONTHS: Final = 12


def _months() -> dict[str, int]:
    """Names of months in all languages; none of them means two."""
    return {
        fold(name).rstrip("."): number
        for language in LANGUAGES
        for names in locale_of(language).months.values()
        for width in ("wide", "abbreviated")
        for number, name in names[width].items()
    } | {"sept": 9}


_MONTH_NUMBERS: Final = _months()


def parse_date(field: Field, raw: object, context: FieldContext) -> str:
    """A day, ``"2026-12-24"``, within ``min`` and ``max``."""
    day = read_date(field, plain_of(field, raw), context)
    check_day(field, day, context)
    return day.isoformat()


def is_relative(text: str) -> bool:
    """Return whether a text names a day by today: "yesterday", "tomorrow, 18:30"."""
    return any(word.strip(",.") in _RELATIVE for word in fold(text[:DATE_CHARACTERS_MAX]).split())


def check_day(field: Field, day: dt.date, context: FieldContext) -> None:
    """Refuses a day out of the bounds of a field.

    Raises:
        FieldError: ``TOO_EARLY`` or ``TOO_LATE``.
    """
    first, last = _bound(field.min, context), _bound(field.max, context)
    if first is not None and day < first:
        raise FieldError.of(field, Problem.TOO_EARLY, min=first)
    if last is not None and day > last:
        raise FieldError.of(field, Problem.TOO_LATE, max=last)


def read_date(field: Field, text: str, context: FieldContext) -> dt.date:
    """The day that a text names, whatever the bounds of the field.

    Raises:
        FieldError: It names none, or can be read in two ways.
    """
    said = _YEAR_WORD.sub("", fold(text)) if len(text) <= DATE_CHARACTERS_MAX else ""
    if said in _RELATIVE:
        return context.today + dt.timedelta(days=_RELATIVE[said])
    if numeric := _NUMERIC.fullmatch(said):
        return _numeric(field, numeric, context)
    worded = _DAY_FIRST.fullmatch(said) or _MONTH_FIRST.fullmatch(said)
    month = _MONTH_NUMBERS.get(worded["month"]) if worded else None
    if not worded or not month:
        example, iso = EXAMPLE, EXAMPLE.isoformat()
        raise FieldError.of(field, Problem.NOT_A_DATE, example=example, iso=iso)
    return _day(field, worded["year"], month, int(worded["day"]))


def _numeric(field: Field, found: re.Match[str], context: FieldContext) -> dt.date:
    first, separator, second, third = found.groups()
    if len(first) == _YEAR_DIGITS:
        return _day(field, first, int(second), int(third))
    if len(first) > len("31"):
        example, iso = EXAMPLE, EXAMPLE.isoformat()
        raise FieldError.of(field, Problem.NOT_A_DATE, example=example, iso=iso)
    a, b = int(first), int(second)
    order = "dmy" if separator == "." else _order(context)
    is_swap_possible = separator != "."
    if a > _MONTHS or a == b:
        order = "dmy"
    elif b > _MONTHS and is_swap_possible:
        order = "mdy"
    if not order:
        both = {"first": _day(field, third, b, a), "second": _day(field, third, a, b)}
        raise FieldError.of(field, Problem.TWO_DATES, **both)
    return _day(field, third, b, a) if order == "dmy" else _day(field, third, a, b)


def _order(context: FieldContext) -> str:
    """Order of day and month where the person is: "dmy", "mdy", or "" if one can't know."""
    if context.language != "en":
        return "dmy"
    region = context.default_region
    is_english = "en" in (get_official_languages(region, de_facto=True) or ())
    if not is_english or not localedata.exists(f"en_{region}"):
        return ""
    pattern = locale_of(f"en_{region}").date_formats["short"].pattern
    return {"d": "dmy", "M": "mdy"}.get(pattern[0], "")


def _day(field: Field, year: str, month: int, day: int) -> dt.date:
    if len(year) != _YEAR_DIGITS:
        raise FieldError.of(field, Problem.SHORT_YEAR, example=EXAMPLE)
    try:
        found = dt.date(int(year), month, day)
    except ValueError as e:
        raise FieldError.of(field, Problem.NO_SUCH_DAY, example=EXAMPLE) from e
    if not YEAR_MIN <= found.year <= YEAR_MAX:
        raise FieldError.of(field, Problem.NO_SUCH_DAY, example=EXAMPLE)
    return found


def _bound(bound: str | int | None, context: FieldContext) -> dt.date | None:
    if bound is None:
        return None
    return context.today if bound == TODAY else dt.date.fromisoformat(str(bound))
