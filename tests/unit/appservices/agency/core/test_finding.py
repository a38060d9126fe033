"""Services are found by words, whatever their case, accents or order."""

from __future__ import annotations

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from appservices.agency.core.finding import (
    QUERY_CHARACTERS_MAX,
    best_named,
    haystack,
    is_found,
)
from appservices.agency.core.language import read_service
from tests.support.tables import each_row
from tests.unit.appservices.agency.builders import ROOT, example, service
from veche.protocol.texts.catalogue import LANGUAGES

ADDRESS: Final = read_service((ROOT / "config/services/change-of-address.yaml").read_text())
PARKING: Final = service(keywords={"en": "car, garage"})
ALL: Final = (example(), ADDRESS, PARKING)


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
    best_named(query, ALL, language)


@each_row(
    ("name", "found"),
    [
        ("birth-certificate-copy", "birth-certificate-copy"),
        ("Copy of a birth certificate", "birth-certificate-copy"),
        ("копия свидетельства о рождении", "birth-certificate-copy"),
        ("new address", "change-of-address"),
        ("garage", "parking"),
        ("town", "change-of-address"),
        ("a", None),  # fits several
        ("zeppelin", None),
        ("", None),
        ("!", None),
    ],
)
def test_a_service_is_named_by_id_title_or_words_that_fit_it_alone(
    name: str, found: str | None
) -> None:
    best = best_named(name, ALL, "en")

    assert (best.id if best else None) == found
