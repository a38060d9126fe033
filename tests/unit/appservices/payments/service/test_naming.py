"""Whom somebody means who is to be paid, here or at another institution."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from appservices.payments.config import OrganisationSection
from appservices.payments.conversation.service.naming import (
    organisation_named,
    payee_named,
    server_named,
    user_named,
    with_organisation_first,
)
from tests.support.tables import each_row
from veche.protocol.ids import UserId

BOT = UserId("@veche_payments:here.example")
SERVERS = ["other.example", "localhost:8448"]


@each_row(
    ("typed", "payee", "server"),
    [
        ("bob", "@bob:here.example", None),
        ("@Bob:here.example", "@bob:here.example", None),
        ("@bob:other.example", "@bob:other.example", "other.example"),
        ("Bob:OTHER.example", "@bob:other.example", "other.example"),
        ("@bob:localhost:8448", "@bob:localhost:8448", "localhost:8448"),
        (
            "https://matrix.to/#/%40bob%3Aother.example?via=other.example",
            "@bob:other.example",
            "other.example",
        ),
        ("@bob:third.example", None, "third.example"),
        ("@b b:other.example", None, "other.example"),
        ("@:other.example", None, "other.example"),
        ("@veche_payments:here.example", None, None),
        ("", None, None),
    ],
)
def test_a_payee_is_of_here_or_of_an_institution_that_there_is_an_agreement_with(
    typed: str, payee: str | None, server: str | None
) -> None:
    assert payee_named(typed, BOT, SERVERS) == payee
    assert server_named(typed, BOT) == server
    assert user_named(typed, BOT) == (payee if server is None else None)


def section(**names: str) -> Any:
    """A section with organisations of these ids, and the names that are shown of them."""
    organisations = [
        OrganisationSection.model_validate(
            {
                "id": id_,
                "name": {"en": name, "de": f"{name} GmbH"},
                "is_paid_by_name": True,
                "keys": [{"path": "/none", "scopes": ["invoice"]}],
            }
        )
        for id_, name in names.items()
    ]
    by_id = {one.id: one for one in organisations}
    return SimpleNamespace(
        organisations=organisations, organisation=by_id.get, currencies=["EUR", "UAH"]
    )


@pytest.mark.parametrize(
    ("typed", "order"),
    [
        ("Lindenau Bakery 10 EUR bread", "bakery 10 EUR bread"),
        ("lindenau  BAKERY 10.50 EUR", "bakery 10.50 EUR"),
        ('"Lindenau Bakery" 10 EUR', "bakery 10 EUR"),
        (
            "\N{DOUBLE LOW-9 QUOTATION MARK}Lindenau Bakery\N{LEFT DOUBLE QUOTATION MARK} 10",
            "bakery 10",
        ),
        ("Lindenau Bakery GmbH 10 EUR", "bakery 10 EUR"),
        ("10 to Lindenau Bakery", "bakery 10"),
        ("10 EUR to Lindenau Bakery for bread", "bakery 10 EUR for bread"),
        ("10 € an Lindenau Bakery", "bakery 10 €"),
        ("to Lindenau Bakery 10 EUR", "bakery 10 EUR"),
        ("10 EUR to bakery", "bakery 10 EUR"),
        ("Lindenau Bakery", "bakery"),
        ("@bakery 10 EUR", "bakery 10 EUR"),
        # Everything else stays as it is.
        ("bob 10 EUR to Lindenau Bakery", "bob 10 EUR to Lindenau Bakery"),
        ("5 EUR to bob for tea", "5 EUR to bob for tea"),
        ("Lindenau 10 EUR", "Lindenau 10 EUR"),
        ("@bakery:here.example 10 EUR", "@bakery:here.example 10 EUR"),
        ("", ""),
        ("to", "to"),
    ],
)
def test_an_organisation_is_paid_by_the_name_that_is_shown_of_it(typed: str, order: str) -> None:
    assert with_organisation_first(section(bakery="Lindenau Bakery"), typed) == order


def test_a_name_that_two_organisations_show_means_neither() -> None:
    known = section(bakery="Bread", mill="bread", salt="Salt")

    assert organisation_named(known, "Bread") is None
    assert organisation_named(known, "SALT").id == "salt"  # type: ignore[union-attr]


def test_the_id_of_an_organisation_goes_before_the_name_of_another() -> None:
    known = section(bakery="Mill", mill="Bread")

    assert organisation_named(known, "mill").id == "mill"  # type: ignore[union-attr]
