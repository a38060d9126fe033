"""CLDR data of a language, without the unused half: about a MiB saved a language."""

from __future__ import annotations

import functools
from typing import Final

from babel import Locale, localedata

_UNUSED: Final = (
    "compact_currency_formats",
    "compact_decimal_formats",
    "compound_unit_patterns",
    "currency_names_plural",
    "date_fields",
    "unit_display_names",
    "unit_patterns",
)


@functools.cache
def locale_of(tag: str) -> Locale:
    """The locale of a language tag, ``"ru"``, ``"en_GB"``.

    It has no units of measure, no short forms of large numbers and no words for spans of time.

    Raises:
        babel.UnknownLocaleError: CLDR has none.
        ValueError: ``tag`` is no tag.
    """
    found = Locale.parse(tag)
    for name in ("root", str(found)):
        # Babel loads a locale once, and gives everybody the same.
        data = localedata.load(name)
        for section in _UNUSED:
            data.pop(section, None)
    return found
