from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.catalogues import catalogue_problems, used_messages
from tests.support.tables import each_row
from veche.protocol.errors import ConfigError
from veche.protocol.texts.catalogue import (
    LANGUAGE_NAMES,
    LANGUAGES,
    N_,
    Catalogue,
    country_name,
    language_of,
    show_date,
    show_date_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RUSSIAN_PLURAL = (
    "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : "
    "n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
)
GOOD = {
    "en": "",
    "ru": """
msgid "Hello, {name}!"
msgstr "Здравствуйте, {name}!"

msgid "{count} case"
msgid_plural "{count} cases"
msgstr[0] "{count} дело"
msgstr[1] "{count} дела"
msgstr[2] "{count} дел"
""",
}
CODE = """
from veche.protocol.texts.catalogue import N_
LATER = N_("Later")
def show(catalogue, language, speaker, which):
    catalogue.text(language, "Hello, {name}!", name="x")
    catalogue.plural(language, "{count} case", "{count} cases", 3)
    speaker.text("Good" " day")
    catalogue.text(language, which)
    catalogue.text(language, f"not {which}")
"""
LATER = '\nmsgid "Later"\nmsgstr "Потом"\n\nmsgid "Good day"\nmsgstr "Добрый день"\n'


@pytest.fixture
def package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[dict[str, str], str], str]]:
    """Writes a package with catalogues and code, and says its import name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def make(entries: dict[str, str], code: str = "") -> str:
        name = f"texts_of_a_test_{len(made)}"
        (tmp_path / name / "locale").mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text(code, encoding="utf-8")
        for language, text in entries.items():
            plural = RUSSIAN_PLURAL if language in ("ru", "uk") else "nplurals=2; plural=(n != 1);"
            head = (
                f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n'
                f'"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: {plural}\\n"\n'
            )
            path = tmp_path / name / "locale" / f"{language}.po"
            path.write_text(head + text, encoding="utf-8")
        made.append(name)
        return name

    yield make
    for name in made:
        sys.modules.pop(name, None)


def all_languages(**changed: str) -> dict[str, str]:
    return {language: GOOD.get(language, "") for language in LANGUAGES} | changed


# --- the kernel's own ---------------------------------------------------------------------------


def test_the_kernel_speaks() -> None:
    used = used_messages("veche.protocol")

    assert "Nothing has changed." in used  # by N_
    assert "You can also answer on this page:" in used  # by text()


# --- texts --------------------------------------------------------------------------------------


def test_a_text_is_translated_and_its_fields_filled_in(
    package: Callable[[dict[str, str], str], str],
) -> None:
    catalogue = Catalogue.load(package(all_languages(), ""))

    assert catalogue.text("ru", "Hello, {name}!", name="Аня") == "Здравствуйте, Аня!"
    assert catalogue.text("en", "Hello, {name}!", name="Ann") == "Hello, Ann!"
    assert catalogue.text("de", "Hello, {name}!", name="Ann") == "Hello, Ann!"  # not translated
    assert catalogue.text("xx", "Hello, {name}!", name="Ann") == "Hello, Ann!"


@pytest.mark.parametrize(
    ("language", "count", "shown"),
    [
        ("en", 1, "1 case"),
        ("en", 0, "0 cases"),
        ("en", 2, "2 cases"),
        ("xx", 1, "1 case"),
        ("xx", 5, "5 cases"),
        ("ru", 1, "1 дело"),
        ("ru", 2, "2 дела"),
        ("ru", 5, "5 дел"),
        ("ru", 11, "11 дел"),
        ("ru", 21, "21 дело"),
        ("ru", 112, "112 дел"),
    ],
)
def test_a_plural_takes_the_form_of_its_language(
    package: Callable[[dict[str, str], str], str], language: str, count: int, shown: str
) -> None:
    catalogue = Catalogue.load(package(all_languages(), ""))

    assert catalogue.plural(language, "{count} case", "{count} cases", count) == shown


def test_a_field_without_value_is_a_bug(
    package: Callable[[dict[str, str], str], str],
) -> None:
    with pytest.raises(KeyError, match="name"):
        Catalogue.load(package(all_languages(), "")).text("ru", "Hello, {name}!")


def test_values_are_shown_as_they_are(package: Callable[[dict[str, str], str], str]) -> None:
    catalogue = Catalogue.load(package(all_languages(), ""))

    assert catalogue.text("en", "{a} {b}", a="{b}", b=1) == "{b} 1"
    assert catalogue.text("en", "{x.__class__} {} {0} {X}") == "{x.__class__} {} {0} {X}"


def test_the_later_package_wins(package: Callable[[dict[str, str], str], str]) -> None:
    first = package(all_languages(de='\nmsgid "Later"\nmsgstr "Dann"\n'), "")
    second = package(all_languages(de='\nmsgid "Later"\nmsgstr "Später"\n'), "")

    catalogue = Catalogue.load(first, second)

    assert catalogue.text("de", "Later") == "Später"
    assert catalogue.text("ru", "Hello, {name}!", name="Аня") == "Здравствуйте, Аня!"


def test_a_fuzzy_or_empty_translation_is_not_shown(
    package: Callable[[dict[str, str], str], str],
) -> None:
    entries = '\n#, fuzzy\nmsgid "Later"\nmsgstr "Falsch"\n\nmsgid "Never"\nmsgstr ""\n'
    catalogue = Catalogue.load(package(all_languages(de=entries), ""))

    assert catalogue.text("de", "Later") == "Later"
    assert catalogue.text("de", "Never") == "Never"


@pytest.mark.parametrize("broken", ['msgid "x\n', "msgid x\n"])
def test_a_file_that_is_no_catalogue_stops_the_start(
    package: Callable[[dict[str, str], str], str], broken: str
) -> None:
    name = package(all_languages(uk=broken), "")

    with pytest.raises(ConfigError, match=rf"{name}/locale/uk\.po"):
        Catalogue.load(name)


def test_a_missing_catalogue_stops_the_start(
    package: Callable[[dict[str, str], str], str],
) -> None:
    entries = all_languages()
    del entries["de"]
    name = package(entries, "")

    with pytest.raises(ConfigError, match=rf"{name}/locale/de\.po"):
        Catalogue.load(name)


@given(st.text(max_size=40), st.text(max_size=10))
def test_any_text_without_fields_is_shown_unchanged(message: str, value: str) -> None:
    catalogue = Catalogue({})
    plain = message.replace("{", "")

    assert catalogue.text("en", plain) == plain
    assert catalogue.text("en", plain + "{x}", x=value) == plain + value


# --- the check of others' catalogues ------------------------------------------------------------


def test_used_messages_are_found_by_call_and_by_mark(
    package: Callable[[dict[str, str], str], str],
) -> None:
    assert used_messages(package(all_languages(), CODE)) == {
        "Later",
        "Hello, {name}!",
        ("{count} case", "{count} cases"),
        "Good day",
    }


def test_complete_catalogues_have_no_problem(
    package: Callable[[dict[str, str], str], str],
) -> None:
    german = (
        '\nmsgid "Hello, {name}!"\nmsgstr "Hallo {name}!"\n'
        '\nmsgid "{count} case"\nmsgid_plural "{count} cases"\n'
        'msgstr[0] "{count} Vorgang"\nmsgstr[1] "{count} Vorgänge"\n'
    )
    entries = all_languages(ru=GOOD["ru"] + LATER, uk=GOOD["ru"] + LATER, de=german + LATER)

    assert catalogue_problems(package(entries, CODE)) == []


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("", "not translated: 'Later'"),
        ('\nmsgid "Later"\nmsgstr ""\n', "a form is missing: 'Later'"),
        ('\nmsgid "Later"\nmsgstr "{name}"\n', "fields differ in '{name}': 'Later'"),
        ('\n#, fuzzy\nmsgid "Later"\nmsgstr "x"\n', "fuzzy: 'Later'"),
        ('\nmsgid "Late"\nmsgstr "x"\n', "not used: 'Late'"),
        (
            '\nmsgid "Later"\nmsgid_plural "Laters"\nmsgstr[0] "x"\n',
            "a form is missing: ('Later', 'Laters')",
        ),
    ],
)
def test_every_problem_of_a_catalogue_is_found(
    package: Callable[[dict[str, str], str], str], entry: str, problem: str
) -> None:
    later = '\nmsgid "Later"\nmsgstr "x"\n'
    entries = {"en": "", "de": later, "uk": later, "ru": entry}
    name = package(entries, "from veche.protocol.texts.catalogue import N_\nLATER = N_('Later')\n")

    problems = catalogue_problems(name)

    assert f"{name}/locale/ru.po: {problem}" in problems
    assert all("ru.po" in p for p in problems)


def test_a_package_without_catalogues_has_problems(
    package: Callable[[dict[str, str], str], str],
) -> None:
    name = package({"en": ""}, "")

    assert catalogue_problems(name) == sorted(
        f"{name}/locale/{language}.po is missing" for language in ("ru", "de", "uk")
    )


# --- languages, dates, names --------------------------------------------------------------------


@each_row(
    ("tag", "language"),
    [
        ("en", "en"),
        ("ru-RU", "ru"),
        ("uk_UA", "uk"),
        ("DE-at-1996", "de"),
        (" de ", "de"),
        ("fr", None),
        ("", None),
        ("english", None),
        ("-", None),
        ("de-" + "x" * 32, "de"),
        ("de-" + "x" * 33, None),
    ],
)
def test_a_language_tag_finds_its_catalogue(tag: str, language: str | None) -> None:
    assert language_of(tag) == language


def test_every_language_has_a_name() -> None:
    assert set(LANGUAGE_NAMES) == set(LANGUAGES)


def test_the_mark_leaves_the_text_as_it_is() -> None:
    assert N_("Later") == "Later"


MOMENT_MS = 1_764_000_000_000  # 24 November 2025, 16:00 UTC


@each_row(
    ("language", "date", "moment"),
    [
        ("en", "24 November 2025", "24 November 2025, 18:00 UTC+2"),
        ("de", "24. November 2025", "24. November 2025, 18:00 UTC+2"),
        ("ru", "24 ноября 2025 г.", "24 ноября 2025 г., 18:00 UTC+2"),
        ("uk", "24 листопада 2025 р.", "24 листопада 2025 р., 18:00 UTC+2"),
    ],
)
def test_dates_are_shown_in_the_language_and_time_zone_of_the_person(
    language: str, date: str, moment: str
) -> None:
    def plain(shown: str) -> str:
        return shown.replace("\u202f", " ").replace("\u00a0", " ")

    assert plain(show_date(dt.date(2025, 11, 24), language)) == date
    assert plain(show_date(MOMENT_MS, language)) == date
    assert plain(show_date_time(MOMENT_MS, language, "Europe/Riga")) == moment


def test_the_day_of_a_moment_is_that_of_the_time_zone() -> None:
    assert show_date(MOMENT_MS, "en", "Pacific/Auckland") == "25 November 2025"


def test_moments_are_shown_by_the_clock_that_holds_then() -> None:
    july_ms = 1_751_328_000_000

    assert show_date_time(july_ms, "en", "Europe/Kyiv") == "1 July 2025, 03:00 UTC+3"
    assert show_date_time(july_ms, "en", "Asia/Kolkata") == "1 July 2025, 05:30 UTC+5:30"
    assert show_date_time(july_ms, "en", "America/New_York") == "30 June 2025, 20:00 UTC-4"
    assert show_date_time(july_ms, "xx", "UTC") == "1 July 2025, 00:00 UTC"


@each_row(
    ("code", "language", "name"),
    [
        ("DE", "en", "Germany"),
        ("DE", "ru", "Германия"),
        ("UA", "de", "Ukraine"),
        ("LV", "uk", "Латвія"),
        ("XX", "en", "XX"),
        ("", "en", ""),
    ],
)
def test_countries_have_their_names_in_the_language(code: str, language: str, name: str) -> None:
    assert country_name(code, language) == name
