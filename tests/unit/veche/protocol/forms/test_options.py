"""Yes and no, choices and countries: by word, number, id and beginning."""

from __future__ import annotations

from typing import Any

import pycountry
import pytest
from babel import Locale

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import field, person, read, refusal
from veche.protocol.forms import FieldError, Problem, parse_value
from veche.protocol.forms.models import CHOICES_MAX
from veche.protocol.forms.options import (
    COUNTRY_PREFIX_CHARACTERS_MIN,
    PREFIX_CHARACTERS_MIN,
    SHOWN_CHOICES_MAX,
    country_codes,
    is_numbered,
)
from veche.protocol.texts.catalogue import LANGUAGES, country_name


def labelled(*labels: str) -> list[dict[str, str]]:
    return [{"id": f"c{n}.", "label": label} for n, label in enumerate(labels)]


@each_row("language", LANGUAGES)
@each_row(
    ("raw", "value"),
    [
        (True, True), ("yes", True), ("Y", True), ("YES!", True), ("да", True), ("Д", True),
        ("ja", True), ("j", True), ("так", True), ("т", True), ("1", True), ("1.", True),
        ("1️⃣", True), ("true", True), (" Yes. ", True),
        (False, False), ("no", False), ("N", False), ("нет", False), ("н", False), ("nein", False),
        ("ні", False), ("2", False), ("2️⃣", False), ("false", False),
    ],
)  # fmt: skip
def test_yes_and_no_are_understood_in_every_language(
    language: str, raw: object, value: bool
) -> None:
    assert read("yes_no", raw, person(language)) is value


@each_row("raw", ["maybe", "0", "3", "yes and no", "yesno", "?", "ок", "yes please"])
def test_neither_yes_nor_no_is_refused(raw: str) -> None:
    assert refusal("yes_no", raw) is Problem.NOT_YES_NO
    assert refusal("yes_no", 1) is Problem.NOT_TEXT


@each_row(
    ("raw", "value"),
    [
        ("1", "red"), ("2.", "green"), ("3️⃣", "grey"), ("red", "red"), ("RED WINE", "red"),
        ("Green tea", "green"), ("gree", "green"), ("re", "red"), ("grey, or", "grey"),
        ("  green   TEA ", "green"),
    ],
)  # fmt: skip
def test_a_choice_is_found_by_all_its_names(raw: str, value: str) -> None:
    assert read("choice", raw) == value


@each_row(
    ("raw", "problem"),
    [
        ("gr", Problem.SEVERAL_CHOICES), ("gre", Problem.SEVERAL_CHOICES),
        ("r", Problem.NOT_A_CHOICE), ("blue", Problem.NOT_A_CHOICE), ("0", Problem.NOT_A_CHOICE),
        ("4", Problem.NOT_A_CHOICE), ("-1", Problem.NOT_A_CHOICE), ("1, 2", Problem.NOT_A_CHOICE),
        ("red wine please", Problem.NOT_A_CHOICE), (1, Problem.NOT_TEXT), (True, Problem.NOT_TEXT),
        (["red"], Problem.NOT_TEXT),
    ],
)  # fmt: skip
def test_what_is_no_choice_or_several_is_refused(raw: object, problem: Problem) -> None:
    assert refusal("choice", raw) is problem


def test_the_shortest_beginning_that_counts() -> None:
    assert PREFIX_CHARACTERS_MIN == 2
    assert read("choice", "re") == "red"
    assert refusal("choice", "r") is Problem.NOT_A_CHOICE


def test_a_refusal_lists_the_answers_up_to_a_bound() -> None:
    many = field("choice", choices=labelled(*(f"Label {n}!" for n in range(CHOICES_MAX))))

    with pytest.raises(FieldError) as caught:
        parse_value(many, "blue", person())

    assert str(caught.value).count("Label") == SHOWN_CHOICES_MAX


def test_an_exact_label_wins_over_longer_ones() -> None:
    choices = labelled("Car", "Car with driver")

    assert read("choice", "car", choices=choices) == "c0."


def test_labels_that_are_numbers_are_not_mixed_up_with_the_numbers_of_the_list() -> None:
    choices = labelled("3", "1", "2")

    assert not is_numbered(field("choice", choices=choices))
    assert read("choice", "1", choices=choices) == "c1."
    assert refusal("choice", "4", choices=choices) is Problem.NOT_A_CHOICE
    assert is_numbered(field("choice"))


@each_row(
    ("raw", "value"),
    [
        (["green", "red"], ["red", "green"]), (["1"], ["red"]), (("red", "red"), ["red"]),
        ("1, 3", ["red", "grey"]), ("3 1", ["red", "grey"]), ("1;2", ["red", "green"]),
        ("2.\n1.", ["red", "green"]), ("red, green", ["red", "green"]),
        ("Grey, or black", ["grey"]), ("Grey, or black; red", ["red", "grey"]),
        ("Red wine\nGrey, or black", ["red", "grey"]), ("2", ["green"]), ("1,1,1", ["red"]),
        ("1 2 3", ["red", "green", "grey"]), ("red, ", ["red"]),
    ],
)  # fmt: skip
def test_several_choices_come_in_the_order_of_the_form(raw: object, value: list[str]) -> None:
    assert read("choices", raw) == value


@each_row(
    ("raw", "problem"),
    [
        ("1, 4", Problem.NOT_A_CHOICE), ("red, blue", Problem.NOT_A_CHOICE),
        ("\u200b", Problem.EMPTY),
        ("red gr", Problem.NOT_A_CHOICE), ("red, gr", Problem.SEVERAL_CHOICES),
        (["red", "blue"], Problem.NOT_A_CHOICE), ([1], Problem.NOT_TEXT), ([["red"]],
        Problem.NOT_TEXT), ({"red": True}, Problem.NOT_TEXT), (3, Problem.NOT_TEXT),
        (["red"] * (CHOICES_MAX + 1), Problem.TOO_MANY_CHOICES), (",;,", Problem.EMPTY),
        ([""], Problem.NOT_A_CHOICE),
    ],
)  # fmt: skip
def test_choices_that_are_none_are_refused(raw: object, problem: Problem) -> None:
    assert refusal("choices", raw) is problem


def test_a_list_as_long_as_the_bound_is_read() -> None:
    assert read("choices", ["red"] * CHOICES_MAX) == ["red"]


def test_how_many_choices_is_bounded() -> None:
    bounds: dict[str, Any] = {"min": 2, "max": 2}

    assert read("choices", "1, 2", **bounds) == ["red", "green"]
    assert refusal("choices", "1", **bounds) is Problem.TOO_FEW_CHOICES
    assert refusal("choices", "1 2 3", **bounds) is Problem.TOO_MANY_CHOICES


@each_row(
    ("raw", "code"),
    [
        ("DE", "DE"), ("de", "DE"), ("Germany", "DE"), ("Германия", "DE"), ("deutschland", "DE"),
        ("Німеччина", "DE"), ("The Netherlands", "NL"), ("USA", "US"), ("U.S.", "US"),
        ("США", "US"), ("UK", "GB"), ("Great Britain", "GB"), ("РФ", "RU"), ("ua", "UA"),
        ("Czech Republic", "CZ"), ("Cote d’Ivoire", "CI"), ("Österreich", "AT"),
        ("Osterreich", "AT"), ("Kosovo", "XK"), ("Åland Islands", "AX"),
    ],
)  # fmt: skip
@each_row("language", LANGUAGES)
def test_countries_are_known_by_code_and_name(language: str, raw: str, code: str) -> None:
    assert read("country", raw, person(language)) == code


@each_row(
    ("language", "raw", "code"),
    [("ru", "герм", "DE"), ("de", "deut", "DE"), ("en", "portu", "PT"), ("uk", "німе", "DE")],
)
def test_the_beginning_of_a_country_in_ones_own_language_will_do(
    language: str, raw: str, code: str
) -> None:
    assert read("country", raw, person(language)) == code


@each_row(
    ("raw", "problem"),
    [
        ("Atlantis", Problem.NOT_A_COUNTRY), ("ZZ", Problem.NOT_A_COUNTRY),
        ("EU", Problem.NOT_A_COUNTRY), ("001", Problem.NOT_A_COUNTRY), ("QQ",
        Problem.NOT_A_COUNTRY), ("Europe", Problem.NOT_A_COUNTRY), ("por",
        Problem.NOT_A_COUNTRY), ("unit", Problem.SEVERAL_COUNTRIES), ("Niger", None),
        ("germ", None), (49, Problem.NOT_TEXT), (["DE"], Problem.NOT_TEXT),
    ],
)  # fmt: skip
def test_what_is_no_country_is_refused(raw: object, problem: Problem | None) -> None:
    if problem is None:
        assert read("country", raw) in {"NE", "DE"}
    else:
        assert refusal("country", raw) is problem


def test_the_shortest_beginning_of_a_country() -> None:
    name = "portugal"

    assert read("country", name[:COUNTRY_PREFIX_CHARACTERS_MIN]) == "PT"
    assert refusal("country", name[: COUNTRY_PREFIX_CHARACTERS_MIN - 1]) is Problem.NOT_A_COUNTRY


def test_the_countries_are_those_of_iso_3166_and_kosovo() -> None:
    assert country_codes() == {country.alpha_2 for country in pycountry.countries} | {"XK"}


@each_row("language", LANGUAGES)
def test_every_country_is_known_by_the_name_we_show(language: str) -> None:
    names = Locale.parse(language).territories

    for code in country_codes():
        assert names[code]
        assert read("country", country_name(code, language), person(language)) == code
