"""What a buyer types to put money aside."""

import datetime as dt

import pytest

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.escrows.core.escrow import LIFE_MS, OnSilence
from appservices.payments.escrows.core.order import (
    EscrowOrder,
    EscrowProblem,
    Now,
    read_escrow,
    read_share,
)
from tests.support.tables import each_row

NOW = Now(
    int(dt.datetime(2026, 11, 26, 23, 30, tzinfo=dt.UTC).timestamp()) * 1000, "en", "Europe/Berlin"
)


def test_what_is_left_out_is_the_usual() -> None:
    found = read_escrow("bob 100 EUR bicycle", ["EUR"], NOW)

    assert isinstance(found, EscrowOrder)
    assert (found.order.payee, found.order.amount.minor, found.order.reference) == (
        "bob",
        10_000,
        "bicycle",
    )
    assert (found.arbiters, found.k, found.on_silence) == ((), 2, OnSilence.RETURN)
    assert found.ends_at_ms == NOW.now_ms + LIFE_MS


def test_every_rule_can_be_said() -> None:
    typed = "bob 100 EUR a bike; until 24.12.2026; arbiters carol, dave; 3 of 4; else release"
    found = read_escrow(typed, ["EUR"], NOW)

    assert isinstance(found, EscrowOrder)
    assert (found.arbiters, found.k, found.on_silence) == (
        ("carol", "dave"),
        3,
        OnSilence.RELEASE,
    )
    # The day ends by the institution's clock.
    assert found.ends_at_ms == dt.datetime(2026, 12, 24, 23, tzinfo=dt.UTC).timestamp() * 1000


@pytest.mark.parametrize(
    ("language", "typed"),
    [
        ("ru", "боб 100 EUR велосипед; до 24.12.2026; арбитр карл; 2 из 3; иначе отдать"),
        ("de", "bob 100 EUR Rad; bis 24.12.2026; schlichter karl; 2 von 3; sonst freigeben"),
        ("uk", "боб 100 EUR велосипед; до 24.12.2026; арбітр карл; 2 з 3; інакше віддати"),
    ],
)
def test_it_can_be_said_in_each_language(language: str, typed: str) -> None:
    found = read_escrow(typed, ["EUR"], Now(NOW.now_ms, language, NOW.time_zone))

    assert isinstance(found, EscrowOrder)
    assert (len(found.arbiters), found.k, found.on_silence) == (1, 2, OnSilence.RELEASE)


@each_row(
    ("typed", "problem"),
    [
        ("bob", EscrowProblem.USAGE),
        ("", EscrowProblem.USAGE),
        ("bob x", OrderProblem.BAD_AMOUNT),
        ("bob 0 EUR", OrderProblem.NOT_ABOVE_ZERO),
        ("bob -1 EUR", OrderProblem.NOT_ABOVE_ZERO),
        ("bob 1,250 EUR", OrderProblem.AMOUNT_IN_DOUBT),
        ("bob 5 USD", OrderProblem.OTHER_CURRENCY),
        ("bob 5 EUR " + "x" * 71, OrderProblem.LONG_REFERENCE),
        ("bob 5 EUR; soon", EscrowProblem.BAD_RULE),
        ("bob 5 EUR; arbiter", EscrowProblem.BAD_RULE),
        ("bob 5 EUR; until", EscrowProblem.BAD_DATE),
        ("bob 5 EUR; until some day", EscrowProblem.BAD_DATE),
        ("bob 5 EUR; until 1/2/2027", EscrowProblem.BAD_DATE),
        ("bob 5 EUR; until 2026-11-26", EscrowProblem.TOO_EARLY),
        ("bob 5 EUR; until 1000-01-01", EscrowProblem.TOO_EARLY),
        ("bob 5 EUR; until 2027-02-12", EscrowProblem.TOO_LATE),
        ("bob 5 EUR; until 2999-12-31", EscrowProblem.TOO_LATE),
        ("bob 5 EUR; arbiter bob", EscrowProblem.TWICE),
        ("bob 5 EUR; arbiter carol @Carol", EscrowProblem.TWICE),
        ("bob 5 EUR; arbiter a b c d e f g h", EscrowProblem.TOO_MANY),
        ("bob 5 EUR; 1 of 2", EscrowProblem.BAD_COUNT),
        ("bob 5 EUR; 2 of 3", EscrowProblem.BAD_COUNT),
        ("bob 5 EUR; arbiter carol dave; 2 of 4", EscrowProblem.BAD_COUNT),
    ],
)
def test_what_is_wrong_is_said(typed: str, problem: object) -> None:
    assert read_escrow(typed, ["EUR"], NOW) is problem


@pytest.mark.parametrize(
    "typed", ["bob 5 EUR; arbiter a b c d e f g", "bob 5 EUR; until 2027-02-09"]
)
def test_at_the_bound_it_goes(typed: str) -> None:
    assert isinstance(read_escrow(typed, ["EUR"], NOW), EscrowOrder)


def test_a_share_is_an_amount_alone() -> None:
    assert read_share("60", "EUR") == 6_000
    assert read_share("100.00 EUR", "EUR") == 10_000
    for typed in ("60 for bob", "x", "", "1,250"):
        assert isinstance(read_share(typed, "EUR"), OrderProblem)
