"""Templates: what one says, what is wrong with one, and what its documents are made of."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from appservices.signing.sessions.core.parties import Role
from appservices.signing.templates.core import (
    TEMPLATE_BYTES_MAX,
    Filling,
    TemplateError,
    document_data,
    read_template,
)
from tests.support.tables import each_row
from veche.protocol.forms import FieldContext
from veche.protocol.texts.catalogue import Catalogue

FOLDER = Path(__file__).parents[5] / "config/signing"
LEASE = (FOLDER / "lease-of-a-flat/template.yaml").read_bytes()
BOARD = (FOLDER / "board-resolution/template.yaml").read_bytes()


def small(**changes: Any) -> bytes:
    """A template with one party, with some keys changed."""
    content: dict[str, Any] = {
        "template": "consent",
        "version": 1,
        "title": {"en": "Consent"},
        "parties": [{"id": "person", "role": "signer", "title": {"en": "Person"}}],
        "stages": [{"parties": ["person"]}],
        "form": [{"id": "what", "kind": "text", "label": {"en": "To what?"}}],
    }
    return yaml.safe_dump({**content, **changes}).encode()


def test_the_lease_asks_for_a_signature_of_its_own_to_the_unfair_clause() -> None:
    template = read_template(LEASE)

    assert template.boxes() == {"landlord", "tenant", "tenant.c7"}
    assert template.languages == ("en", "ru", "de", "uk")
    assert [one.id for one in template.asked("de").fields][:2] == ["address", "rooms"]


def test_two_of_three_sign_the_resolution_and_the_secretary_gets_a_copy() -> None:
    template = read_template(BOARD)

    (stage,) = template.plan().stages
    assert (stage.need, stage.parties) == (2, ("chair", "member1", "member2"))
    assert template.plan().parties["secretary"].role is Role.VIEWER
    assert template.boxes() == {"chair", "member1", "member2"}


@each_row(
    ("changes", "words"),
    [
        ({"template": "Lease!"}, "template.yaml.template"),
        ({"version": 0}, "template.yaml.version"),
        ({"title": {}}, "title: is in"),
        ({"title": {"xx": "Consent"}}, "title: is in"),
        ({"title": {"en": "Consent", "de": "Zustimmung"}}, "languages of the title"),
        ({"title": {"en": ""}}, "1 to 200 characters"),
        ({"title": {"en": "x" * 201}}, "1 to 200 characters"),
        ({"unknown": 1}, "template.yaml.unknown"),
        ({"parties": []}, "template.yaml.parties"),
        ({"parties": [{"id": "P", "role": "signer", "title": {"en": "x"}}]}, "parties.0.id"),
        ({"parties": [{"id": "person", "role": "king", "title": {"en": "x"}}]}, "role"),
        ({"parties": [{"id": "person", "role": "signer", "title": {"en": "x"}}] * 2}, "one id"),
        ({"stages": [{"parties": ["nobody"]}]}, "stages"),
        ({"stages": [{"parties": ["person"], "need": 2}]}, "stages"),
        ({"form": []}, "template.yaml.form"),
        ({"form": [{"id": "a", "kind": "mood", "label": {"en": "x"}}]}, "kind"),
        ({"form": [{"id": "a", "kind": "text", "label": {"en": "x"}, "min": 1}]}, "min"),
        ({"form": [{"id": "a", "kind": "choice", "label": {"en": "x"}}]}, "choices"),
        ({"form": [{"id": "a", "kind": "text", "label": {"ru": "x"}}]}, "form.a.label"),
        ({"texts": {"A b": {"en": "x"}}}, "is no name"),
        ({"texts": {"a": {"de": "x"}}}, "texts.a"),
        ({"level_min": "S0"}, "level_min"),
        ({"clauses": [{"id": "c1", "kind": "unfair", "title": {"en": "x"}}]}, "clauses.c1"),
        (
            {
                "clauses": [
                    {"id": "c1", "kind": "required", "title": {"en": "x"}, "parties": ["person"]}
                ]
            },
            "clauses.c1",
        ),
        (
            {
                "clauses": [
                    {"id": "c1", "kind": "unfair", "title": {"en": "x"}, "parties": ["nobody"]}
                ]
            },
            "clauses.c1",
        ),
    ],
)
def test_what_is_wrong_with_a_template_is_said_with_its_place(
    changes: dict[str, Any], words: str
) -> None:
    read_template(small())

    with pytest.raises(TemplateError, match=words):
        read_template(small(**changes))


@each_row("data", [b"", b"- 1", b"a: [", b"\xff\xfe\x00", b"[" * 10_000, b"a: !!x"])
def test_what_is_no_template_is_refused(data: bytes) -> None:
    with pytest.raises(TemplateError, match=r"template\.yaml"):
        read_template(data)


def test_a_template_over_its_limit_is_refused() -> None:
    at_limit = small() + b"#" * (TEMPLATE_BYTES_MAX - len(small()))

    read_template(at_limit)
    with pytest.raises(TemplateError, match="over"):
        read_template(at_limit + b"#")


def filling(language: str = "en", **changes: Any) -> Filling:
    context = FieldContext(language, dt.date(2026, 11, 26), "UTC", "DE")
    known: dict[str, Any] = {
        "values": {"rent": {"minor": 90_050, "currency": "EUR"}, "notice": "one_month"},
        "names": {"landlord": "Alice Adams", "tenant": "Боб Браун"},
        "context": context,
    }
    return Filling(**{**known, **changes})


def test_answers_reach_the_document_as_its_language_shows_them() -> None:
    catalogue = Catalogue.load("veche.protocol.forms")

    data = document_data(read_template(LEASE), filling("de"), catalogue)

    assert data["answers"] == {"rent": "900,50 EUR", "notice": "ein Monat"}
    assert data["parties"]["tenant"] == {"name": "Боб Браун", "title": "Mieter"}
    assert data["clauses"] == {"c7": "Vertragsstrafe bei Verzug"}
    assert data["title"] == "Mietvertrag über eine Wohnung"


def test_a_document_needs_a_name_for_everyone_who_signs_and_a_known_language() -> None:
    catalogue = Catalogue.load("veche.protocol.forms")

    with pytest.raises(TemplateError, match="tenant has no name"):
        document_data(read_template(LEASE), filling(names={"landlord": "A"}), catalogue)
    with pytest.raises(TemplateError, match="no texts in ru"):
        document_data(read_template(small()), filling("ru", names={"person": "A"}), catalogue)
