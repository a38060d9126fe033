"""Texts for persons: gettext catalogues, and dates, amounts and names by CLDR.

The English text in the code is the message id. A package keeps its translations in
``locale/<language>.po``; what a package says is found by the test that compares the catalogues
with the code (tests/support/catalogues.py).

What knows CLDR is imported where something is shown: modules that only mark texts with ``N_`` are
loaded by the sandbox too, and it would be most of what that takes.
"""

from __future__ import annotations

import datetime as dt
import gettext
import io
import re
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import attrs

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from babel import Locale
    from babel.messages.catalog import Catalog

    from veche.protocol.money import Money

LANGUAGES: Final = ("en", "ru", "de", "uk")
LANGUAGE_NAMES: Final[Mapping[str, str]] = {
    "en": "English",
    "ru": "Русский",
    "de": "Deutsch",
    "uk": "Українська",
}
"""Each language by its own name."""
_TAG_CHARACTERS_MAX: Final = 35
_FIELD: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


def N_(message: str) -> str:  # gettext's name for it
    """Marks ``message`` as one for the catalogues, where it is not translated at once."""
    return message


def language_of(tag: str) -> str | None:
    """The catalogue for a language tag, "ru-RU" → "ru"; None if there is none."""
    if len(tag) > _TAG_CHARACTERS_MAX:
        return None
    first = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    return first if first in LANGUAGES else None


@attrs.frozen
class _Language:
    singular: Mapping[str, str]
    plural: Mapping[str, tuple[str, ...]]
    form_of: Callable[[int], int]


@attrs.frozen
class Catalogue:
    """The translations of some packages, read once.

    A text that has no translation is shown in English: an untranslated word helps a person more
    than an error does. The tests see to it that there is none.
    """

    _languages: Mapping[str, _Language]

    @classmethod
    def load(cls, *packages: str) -> Catalogue:
        """Read ``locale/<language>.po`` of each package, for all of ``LANGUAGES``.

        Args:
            packages: Import names. Where two translate one text differently, the later wins.

        Raises:
            ConfigError: A file is missing, or is no catalogue of its language.
        """
        return cls({language: _merged(language, packages) for language in LANGUAGES})

    def text(self, language: str, message: str, /, **values: object) -> str:
        """``message`` in a language, its ``{fields}`` filled in.

        Args:
            language: One of ``LANGUAGES``; any other counts as English.
            message: English text, the message id.
            values: A value for each field; shown by ``str``.

        Raises:
            KeyError: A field has no value: a bug of the caller.
        """
        found = self._languages.get(language)
        translated = found.singular.get(message) if found else None
        return _filled(translated or message, values)

    def plural(self, language: str, one: str, many: str, count: int, /, **values: object) -> str:
        """The form of a text for ``count`` things; ``{count}`` is filled in too.

        Raises:
            KeyError: A field has no value: a bug of the caller.
        """
        found = self._languages.get(language)
        forms = found.plural.get(one) if found else None
        english = one if count == 1 else many
        chosen = forms[found.form_of(count)] if found and forms else english
        return _filled(chosen, {"count": count, **values})


def show_date(when: dt.date | int, language: str, time_zone: str = "UTC") -> str:
    """A date, "24 November 2025".

    Args:
        when: A date, or a moment in ms UTC.
        language: One of ``LANGUAGES``.
        time_zone: Where the day of a moment is looked at, an IANA name.
    """
    from babel.dates import format_date  # noqa: PLC0415 -- see the top

    day = when if isinstance(when, dt.date) else _moment(when, time_zone).date()
    return format_date(day, "long", locale=_locale(language))


def show_date_time(at_ms: int, language: str, time_zone: str) -> str:
    """A moment to the minute, "24 November 2025, 09:05 UTC+2".

    The offset and not the zone's name: of most zones CLDR has a short name in one language only.

    Args:
        at_ms: UTC.
        language: One of ``LANGUAGES``.
        time_zone: An IANA name.
    """
    from babel.dates import format_date  # noqa: PLC0415 -- see the top

    moment = _moment(at_ms, time_zone)
    day = format_date(moment.date(), "long", locale=_locale(language))
    return f"{day}, {moment:%H:%M} UTC{_offset(moment)}"


def show_money(money: Money, language: str) -> str:
    """An amount with the code of its currency, "1,234.50 EUR".

    The code and not the sign: there are twenty kinds of dollars.
    """
    from veche.protocol.money import as_decimal_text  # noqa: PLC0415 -- see the top

    return f"{show_number(as_decimal_text(money), language)} {money.currency}"


def show_number(decimal: str, language: str) -> str:
    """A decimal number, "1234.5" → "1,234.5", with exactly the decimals it has.

    Args:
        decimal: Digits with an optional minus and point, no exponent.
        language: One of ``LANGUAGES``.
    """
    from babel.numbers import parse_pattern  # noqa: PLC0415 -- see the top

    count = len(decimal.partition(".")[2])
    locale = _locale(language)
    # A copy: the pattern of the locale is shared.
    pattern = parse_pattern(locale.decimal_formats[None].pattern)
    pattern.frac_prec = (count, count)
    return str(pattern.apply(Decimal(decimal), locale))


def country_name(code: str, language: str) -> str:
    """Name of a country (ISO 3166-1 alpha-2); the code itself if CLDR has none."""
    name = _locale(language).territories.get(code)
    return str(name) if name else code


def _tag(language: str) -> str:
    # British English: "24 November 2025", 24 hours. American dates mislead everybody else.
    return "en_GB" if language not in LANGUAGES or language == "en" else language


def _locale(language: str) -> Locale:
    from veche.protocol.locales import locale_of  # noqa: PLC0415 -- see the top

    return locale_of(_tag(language))


def _moment(at_ms: int, time_zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms / 1000, ZoneInfo(time_zone))


def _offset(moment: dt.datetime) -> str:
    minutes = int((moment.utcoffset() or dt.timedelta()).total_seconds()) // 60
    if minutes == 0:
        return ""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")


def _filled(message: str, values: Mapping[str, object]) -> str:
    # Not str.format: it would evaluate "{x.__class__}" of a text that an organisation wrote.
    return _FIELD.sub(lambda field: str(values[field[1]]), message)


def _merged(language: str, packages: tuple[str, ...]) -> _Language:
    singular: dict[str, str] = {}
    plural: dict[str, tuple[str, ...]] = {}
    form_of: Callable[[int], int] = _english_form
    for package in packages:
        catalog = _read(package, language)
        form_of = gettext.c2py(catalog.plural_expr)
        for message in catalog:
            if not message.id or message.fuzzy or not message.string:
                continue
            if isinstance(message.id, str):
                singular[message.id] = str(message.string)
            elif all(message.string):
                plural[message.id[0]] = tuple(message.string)
    return _Language(singular, plural, form_of)


def _english_form(count: int) -> int:
    return 0 if count == 1 else 1


def _read(package: str, language: str) -> Catalog:
    from babel.messages.pofile import PoFileError, read_po  # noqa: PLC0415 -- see the top

    path = resources.files(package) / "locale" / f"{language}.po"
    try:
        return read_po(io.BytesIO(path.read_bytes()), locale=language, abort_invalid=True)
    except (OSError, PoFileError) as e:
        raise ConfigError(f"{package}/locale/{language}.po is not a catalogue: {e}") from e
