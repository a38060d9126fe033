"""What is kept of CLDR, and what of it is still needed afterwards."""

from __future__ import annotations

import datetime as dt

import babel
import pytest
from babel.dates import format_date, get_timezone_name
from babel.numbers import format_decimal

from tests.support.tables import each_row
from veche.protocol.texts.catalogue import LANGUAGES
from veche.protocol.texts.locales import locale_of


@each_row("language", LANGUAGES)
def test_units_of_measure_are_not_kept(language: str) -> None:
    locale = locale_of(language)
    assert "unit_patterns" not in locale._data
    assert locale_of(language) is locale


@each_row("language", LANGUAGES)
def test_what_the_house_uses_is_there(language: str) -> None:
    locale = locale_of(language)
    assert len(locale.territories) > 250
    assert len(locale.months["format"]["wide"]) == 12
    assert set(LANGUAGES) <= set(locale.languages)
    assert locale.currency_symbols["EUR"] in {"€", "EUR"}
    assert format_date(dt.date(2026, 11, 27), "long", locale=locale)
    assert get_timezone_name("Europe/Berlin", "long", locale=locale)
    assert format_decimal(1234.5, locale=locale)


def test_a_language_that_there_is_not_is_refused() -> None:
    with pytest.raises(babel.UnknownLocaleError):
        locale_of("xx")
