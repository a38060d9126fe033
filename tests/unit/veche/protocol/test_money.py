from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.amounts.core.order import OrderProblem, read_amount
from tests.support.amounts import TYPED
from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import read
from veche.protocol.errors import MalformedError
from veche.protocol.forms import FieldError
from veche.protocol.money import (
    AMOUNT_CHARACTERS_MAX,
    MINOR_MAX,
    Money,
    as_decimal_text,
    minor_digits,
    parse_money,
)
from veche.protocol.texts.catalogue import LANGUAGES, show_money, show_number
from veche.protocol.wire import parse


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


@each_row(
    ("typed", "minor"),
    [
        ("12.50 EUR", 1250),
        ("12,50 EUR", 1250),
        ("12.5 eur", 1250),
        ("12EUR", 1200),
        ("EUR 12", 1200),
        ("€12.50", 1250),
        ("12,50 €", 1250),
        (" 12.50\u00a0EUR ", 1250),
        ("0.01 EUR", 1),
        ("0 EUR", 0),
        ("007 EUR", 700),
        ("1 234,50 EUR", 123450),
        ("1\u202f234,50 EUR", 123450),
        ("1.234,50 EUR", 123450),
        ("1,234.50 EUR", 123450),
        ("1'234.50 EUR", 123450),
        ("1’234.50 EUR", 123450),
        ("1.234.567 EUR", 123456700),
        ("1,234,567.8 EUR", 123456780),
        ("１２.50 EUR", 1250),
    ],
)
def test_amounts_are_read_as_people_write_them(typed: str, minor: int) -> None:
    assert parse_money(typed) == eur(minor)


@each_row(
    ("typed", "money"),
    [
        ("1500 JPY", Money(minor=1500, currency="JPY")),
        ("1,500 JPY", Money(minor=1500, currency="JPY")),
        ("1.234 KWD", Money(minor=1234, currency="KWD")),
        ("1.5 KWD", Money(minor=1500, currency="KWD")),
        ("100 RSD", Money(minor=10000, currency="RSD")),
        ("99,90 ₴", Money(minor=9990, currency="UAH")),
        ("99,90 грн", Money(minor=9990, currency="UAH")),
        ("5 zł", Money(minor=500, currency="PLN")),
        ("5 Kč", Money(minor=500, currency="CZK")),
        ("10 РУБ", Money(minor=1000, currency="RUB")),
    ],
)
def test_every_currency_has_its_own_decimals(typed: str, money: Money) -> None:
    assert parse_money(typed) == money


def test_where_one_currency_will_do_it_need_not_be_typed() -> None:
    assert parse_money("12.50", currency="EUR") == eur(1250)
    assert parse_money("12.50 EUR", currency="EUR") == eur(1250)


@each_row(
    ("typed", "message"),
    [
        ("12.50", "currency"),
        ("12.50 XYZ", "currency"),
        ("$12.50", "several currencies"),
        ("EUR 12 EUR", "amount"),
        ("", "amount"),
        ("EUR", "amount"),
        ("-5 EUR", "amount"),
        ("+5 EUR", "amount"),
        ("1e3 EUR", "amount"),
        ("twelve EUR", "amount"),
        ("1,234 EUR", "thousand"),
        ("1.234 EUR", "thousand"),
        ("12.505 EUR", "thousand"),
        ("12.5055 EUR", "decimals"),
        ("12.50 JPY", "decimals"),
        ("1.2345 KWD", "decimals"),
        ("1234,567,890 EUR", "amount"),
        ("12,34,567.00 EUR", "amount"),
        ("1 23 EUR", "amount"),
        ("1..5 EUR", "amount"),
        ("1. EUR", "amount"),
        (".5 EUR", "amount"),
        ("1.2.3,4,5 EUR", "amount"),
        ("١٢ EUR", "amount"),
        (f"{MINOR_MAX + 1} JPY", "large"),
        ("9" * (AMOUNT_CHARACTERS_MAX + 1), "amount"),
    ],
)
def test_what_is_no_clear_amount_is_refused_and_says_what_would_be_right(
    typed: str, message: str
) -> None:
    with pytest.raises(MalformedError, match=message) as caught:
        parse_money(typed)

    assert caught.value.field in {"amount", "currency"}


@each_row(("typed", "currency", "minor"), TYPED)
def test_chats_forms_and_commands_take_the_same_amounts(
    typed: str, currency: str, minor: int | None
) -> None:
    if minor is None:
        with pytest.raises(MalformedError):
            parse_money(typed, currency=currency)
        with pytest.raises(FieldError):
            read("money", typed, currency=currency)
        assert isinstance(read_amount(typed.split(), [currency]), OrderProblem)
        return

    assert parse_money(typed, currency=currency) == Money(minor=minor, currency=currency)
    assert read("money", typed, currency=currency) == {"minor": minor, "currency": currency}
    assert read_amount(typed.split(), [currency]) == (Money(minor=minor, currency=currency), [])


def test_a_shared_sign_means_the_one_currency_that_is_in_use() -> None:
    assert parse_money("$5", among=["EUR", "USD"]) == Money(minor=500, currency="USD")
    for among in ((), ("EUR",), ("USD", "CAD")):
        with pytest.raises(MalformedError, match="several currencies"):
            parse_money("$5", among=among)


def test_another_currency_than_the_one_wanted_is_refused() -> None:
    with pytest.raises(MalformedError, match="EUR"):
        parse_money("12 USD", currency="EUR", where="fee")


def test_the_largest_amount_is_read() -> None:
    assert parse_money(f"{MINOR_MAX} JPY").minor == MINOR_MAX
    assert len(f"{'0' * 36} EUR") == AMOUNT_CHARACTERS_MAX
    assert parse_money(f"{'0' * 36} EUR").minor == 0


@each_row(
    ("currency", "digits"),
    [("EUR", 2), ("RSD", 2), ("HUF", 2), ("JPY", 0), ("ISK", 0), ("KWD", 3), ("CLF", 4)],
)
def test_minor_units_are_those_of_iso_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@each_row("currency", ["eur", "EURO", "", "XYZ"])
def test_unknown_currencies_have_no_minor_units(currency: str) -> None:
    with pytest.raises(MalformedError, match="currency"):
        minor_digits(currency)


@each_row(
    "content",
    [
        {"minor": 1.0, "currency": "EUR"},
        {"minor": "1", "currency": "EUR"},
        {"minor": True, "currency": "EUR"},
        {"minor": MINOR_MAX + 1, "currency": "EUR"},
        {"minor": -MINOR_MAX - 1, "currency": "EUR"},
        {"minor": 1, "currency": "eur"},
        {"minor": 1, "currency": "EUR\n"},
        {"minor": 1},
        {"currency": "EUR"},
    ],
)
def test_malformed_money_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        parse(Money, content)


@each_row(
    ("money", "text"),
    [
        (eur(123450), "1234.50"),
        (eur(5), "0.05"),
        (eur(-5), "-0.05"),
        (eur(0), "0.00"),
        (Money(minor=1500, currency="JPY"), "1500"),
        (Money(minor=-1500, currency="JPY"), "-1500"),
        (Money(minor=1, currency="KWD"), "0.001"),
    ],
)
def test_an_amount_in_whole_units(money: Money, text: str) -> None:
    assert as_decimal_text(money) == text


@each_row(
    ("language", "shown"),
    [
        ("en", "1,234.50 EUR"),
        ("de", "1.234,50 EUR"),
        ("ru", "1\u00a0234,50 EUR"),
        ("uk", "1\u00a0234,50 EUR"),
        ("xx", "1,234.50 EUR"),
    ],
)
def test_amounts_are_shown_as_people_of_the_language_write_them(language: str, shown: str) -> None:
    assert show_money(eur(123450), language) == shown


def test_numbers_keep_the_decimals_they_have() -> None:
    assert show_number("1234567.5000", "en") == "1,234,567.5000"
    assert show_number("-0", "en") == "-0"
    assert show_number("1000", "de") == "1.000"


@given(
    st.integers(0, MINOR_MAX),
    st.sampled_from(["EUR", "JPY", "KWD", "CLF", "RSD"]),
    st.sampled_from(LANGUAGES),
)
def test_what_is_shown_is_read_back_or_said_to_be_in_doubt(
    minor: int, currency: str, language: str
) -> None:
    money = Money(minor=minor, currency=currency)

    try:
        assert parse_money(show_money(money, language)) == money
    except MalformedError as e:
        # Only where three decimals look like a thousand: never another amount.
        assert "thousand" in str(e)  # noqa: PT017 -- either outcome is right


@given(st.integers(-MINOR_MAX, MINOR_MAX), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_the_decimal_text_loses_nothing(minor: int, currency: str) -> None:
    text = as_decimal_text(Money(minor=minor, currency=currency))

    assert int(text.replace(".", "")) == minor


@given(st.text(max_size=AMOUNT_CHARACTERS_MAX))
def test_any_text_is_an_amount_or_malformed(typed: str) -> None:
    try:
        assert parse_money(typed, currency="EUR").minor >= 0
    except MalformedError as e:
        assert e.field in {"amount", "currency"}  # noqa: PT017 -- either outcome is right
