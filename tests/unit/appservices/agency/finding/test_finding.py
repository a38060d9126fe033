"""Services are found by words, whatever their case, accents or order."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.agency.finding.core.finding import QUERY_CHARACTERS_MAX, Finder, haystack, is_found
from appservices.agency.language.core.language import read_service
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import ROOT, example, service
from tests.unit.appservices.agency.finding.phrasings import (
    ADDRESS as ADDRESS_ID,
)
from tests.unit.appservices.agency.finding.phrasings import (
    BIRTH,
    GARDEN,
    LAND,
    PHRASINGS,
)
from veche.protocol.texts.catalogue import LANGUAGES

ADDRESS: Final = read_service((ROOT / "config/services/change-of-address.yaml").read_text())
PARKING: Final = service(keywords={"en": "car, garage"})
ALL: Final = (example(), ADDRESS, PARKING)
FINDER: Final = Finder(ALL)
OFFICE: Final = Finder(
    read_service((ROOT / f"config/services/{one}.yaml").read_text())
    for one in (BIRTH, ADDRESS_ID, LAND, GARDEN)
)
RIGHT_MIN: Final = 0.93
"""Share of phrasings that must find their service, or be said not to be understood."""
WRONG_MAX: Final = 2
"""Phrasings that may find another service than was meant."""


@each_row(
    ("query", "language", "is_there"),
    [
        ("birth", "en", True),
        ("BIRTH  Certificate", "en", True),
        ("certificate birth", "en", True),
        ("cert", "en", True),
        ("ertificate", "en", False),
        ("birth zeppelin", "en", False),
        ("copy-of!", "en", True),
        ("Abschrift", "de", True),
        ("fur schule", "de", True),  # für
        ("свидетельства", "ru", True),
        ("ребенка", "ru", True),  # ё
        ("court", "en", True),
        ("lindenau", "en", True),
        ("birth-certificate-copy", "en", True),
        ("", "en", True),
        ("...", "en", True),
    ],
)
def test_words_find_a_service(query: str, language: str, is_there: bool) -> None:
    assert is_found(query, haystack(example(), language, "Records", "Lindenau")) is is_there


def test_keywords_find_it_and_stand_nowhere_else() -> None:
    folded = haystack(PARKING, "en")

    assert is_found("garage", folded)
    assert not is_found("garage", haystack(service(), "en"))


@given(st.text(max_size=2 * QUERY_CHARACTERS_MAX), st.sampled_from(LANGUAGES))
def test_any_query_is_borne(query: str, language: str) -> None:
    for one in ALL:
        is_found(query, haystack(one, language))
    FINDER.find(query)
    FINDER.named(query)


@each_row(
    ("name", "found"),
    [
        ("birth-certificate-copy", "birth-certificate-copy"),
        ("Copy of a birth certificate", "birth-certificate-copy"),
        ("копия свидетельства о рождении", "birth-certificate-copy"),
        ("new address", "change-of-address"),
        ("garage", "parking"),
        ("live", "change-of-address"),
        ("town", None),  # says too little
        ("a", None),  # fits several
        ("zeppelin", None),
        ("", None),
        ("!", None),
    ],
)
def test_a_service_is_named_by_id_title_or_words_that_fit_it_alone(
    name: str, found: str | None
) -> None:
    best = FINDER.named(name)

    assert (best.id if best else None) == found


def test_what_people_write_finds_their_service_or_is_not_understood() -> None:
    answers = [(text, meant, _best(OFFICE, text)) for text, meant in PHRASINGS]
    wrong = [one for one in answers if one[2] not in {one[1], None}]
    right = [one for one in answers if one[1] == one[2]]

    assert len(PHRASINGS) > 150
    assert len(wrong) <= WRONG_MAX, wrong
    assert len(right) >= RIGHT_MIN * len(PHRASINGS), [one for one in answers if one not in right]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("Geburtsschein", BIRTH), ("death certificate", BIRTH), ("Wir ziehen um", ADDRESS_ID)],
)
def test_what_is_not_clear_has_suggestions_the_nearest_first(text: str, nearest: str) -> None:
    found = OFFICE.find(text)

    assert found is not None
    assert found.best is None
    assert found.nearest[0].id == nearest
    assert len(found.nearest) == 3


@pytest.mark.parametrize("text", ["", "👋", "hello", "Здравствуйте!", "Ich brauche bitte Hilfe"])
def test_words_that_name_nothing_are_no_search(text: str) -> None:
    assert OFFICE.find(text) is None


def test_a_word_that_two_services_have_decides_for_neither() -> None:
    found = Finder((PARKING, service(service="garage-permit", keywords={"en": "garage"}))).find(
        "garage"
    )

    assert found is not None
    assert found.best is None
    assert [one.id for one in found.likely] == ["parking", "garage-permit"]


def _best(finder: Finder, text: str) -> str | None:
    found = finder.find(text)
    return found.best.id if found is not None and found.best is not None else None
