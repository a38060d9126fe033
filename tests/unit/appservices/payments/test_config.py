"""The section ``payments``: amounts and currencies that do not fit one another are refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from appservices.payments.config import PaymentsSection
from veche.cli import demo
from veche.protocol.money import Money

SECTION: dict[str, Any] = demo.payments_section()


def section(**more: object) -> PaymentsSection:
    return PaymentsSection.model_validate({**SECTION, **more})


def test_the_demo_is_right_and_has_the_rules_of_the_design() -> None:
    one = section()

    assert one.fee_minor("EUR") == 0
    assert one.first_payee_minor("EUR") == 20_000
    assert (one.first_payee_wait_ms, one.large_part_wait_ms) == (43_200_000, 86_400_000)
    assert one.granted()[demo.ALICE.user_id] == Money(minor=100_000, currency="EUR")
    assert one.name_in("de") == "Bank von Lindenau"


def test_amounts_are_in_minor_units_of_their_currency() -> None:
    one = section(
        currencies=["EUR", "JPY"], fees={"EUR": "0.10"}, first_payee_limits={"JPY": "30000"}
    )

    assert (one.fee_minor("EUR"), one.fee_minor("JPY")) == (10, 0)
    assert (one.first_payee_minor("EUR"), one.first_payee_minor("JPY")) == (20_000, 30_000)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"currencies": []}, "at least 1 item"),
        ({"currencies": ["EUR", "EUR"]}, "each should stand there once"),
        ({"currencies": ["DEM2"]}, "should be the code of a currency"),
        ({"fees": {"USD": "0.10"}}, "USD should be in currencies too"),
        ({"fees": {"EUR": "0.105"}}, "should be an amount"),
        ({"fees": {"EUR": "-1"}}, "should be an amount"),
        ({"first_payee_limits": {"EUR": "1,250"}}, "should be an amount"),
        ({"grants": {"@a:b": "5"}}, "should be an amount"),
        ({"grants": {"@a:b": "5 USD"}}, "USD should be in currencies too"),
        ({"name": {}}, "should be a text"),
        ({"time_zone": "Mars"}, "should be a time zone"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        section(**wrong)
