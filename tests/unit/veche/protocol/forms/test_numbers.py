"""Numbers and amounts: separators of four languages, and nothing guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.tables import each_row
from tests.unit.veche.protocol.forms.builders import person, read, refusal
from veche.protocol.canonical import INTEGER_MAX
from veche.protocol.forms import Problem
from veche.protocol.forms.numbers import DIGITS_MAX, read_decimal
from veche.protocol.money import MINOR_MAX
from veche.protocol.texts.catalogue import LANGUAGES, show_number

if TYPE_CHECKING:
    from decimal import Decimal


@each_row("language", LANGUAGES)
@each_row(
    ("typed", "value"),
    [
        ("0", "0"), ("7", "7"), ("-7", "-7"), ("+7", "7"), ("\u22127", "-7"), ("- 7", "-7"),
        ("–7", "-7"), ("007", "7"), ("12.5", "12.5"), ("12,5", "12.5"), ("0.50", "0.5"),
        ("0,500", "0.5"), ("-0", "0"), ("-0.0", "0"), ("1 234", "1234"), ("1\u00a0234", "1234"),
        ("1\u202f234,5", "1234.5"), ("1 234.5", "1234.5"), ("1'234.50", "1234.5"),
        ("1’234,5", "1234.5"), ("1,234,567", "1234567"), ("1.234.567", "1234567"),
        ("1.234,5", "1234.5"), ("1,234.5", "1234.5"), ("1.234.567,89", "1234567.89"),
        ("1234.567", "1234.567"), ("1234,567", "1234.567"), ("12.34", "12.34"), ("１２", "12"),
        ("0.123", "0.123"), ("0,123", "0.123"),
    ],
)  # fmt: skip
def test_numbers_that_have_one_reading_are_read_in_all_languages(
    language: str, typed: str, value: str
) -> None:
    assert read("number", typed, person(language)) == value


@each_row(
    ("language", "typed", "value"),
    [
        ("en", "1,234", "1234"), ("en", "1.234", "1.234"),
        ("de", "1,234", "1.234"), ("de", "1.234", "1234"),
        ("ru", "1,234", "1.234"), ("ru", "1.234", "1.234"),
        ("uk", "1,234", "1.234"), ("uk", "1.234", "1.234"),
    ],
)  # fmt: skip
def test_a_thousand_or_one_and_a_bit_is_decided_by_the_language(
    language: str, typed: str, value: str
) -> None:
    assert read("number", typed, person(language)) == value


@each_row("language", LANGUAGES)
@each_row(
    "typed",
    [
        "x", "1x", "1e5", "0x10", "1..2", "1,,2", "1.2,3.4", "1,2.3,4", "12 34", "1 23", "1,23,456",
        "1.23.456", "1,234.567.8", "1'234 567", "--1", "1-", "5%", "½", "one", "١٢", "1.", ".5",
        "1 234 56", "12,34,567", "NaN", "Infinity", "1_000", "1.2.3", "-", "1, 5",
    ],
)  # fmt: skip
def test_what_is_no_number_or_in_doubt_is_refused(language: str, typed: str) -> None:
    assert refusal("number", typed, person(language)) is Problem.NOT_A_NUMBER


def test_programs_can_say_a_number_exactly() -> None:
    german = person("de")

    assert read("number", {"decimal": "1.234"}, german) == "1.234"
    assert read("number", 1234, german) == "1234"
    for wrong in ({"decimal": "1,234"}, {"decimal": 1}, {"number": "1"}, 1.5, True, ["1"]):
        assert refusal("number", wrong, german) is Problem.NOT_A_NUMBER


def test_the_digits_of_a_number_are_bounded() -> None:
    most = "1" * DIGITS_MAX

    assert read("number", most) == most
    assert read("number", f"-0.{most}"[: DIGITS_MAX + 2]) == f"-0.{most}"[: DIGITS_MAX + 2]
    assert refusal("number", most + "1") is Problem.TOO_MANY_DIGITS
    assert refusal("number", f"1.{most}") is Problem.TOO_MANY_DIGITS
    assert refusal("number", 10**5000) is Problem.TOO_MANY_DIGITS
    assert refusal("number", {"decimal": f"1.{most}"}) is Problem.TOO_MANY_DIGITS


@each_row(
    ("typed", "problem"),
    [("0.9", Problem.TOO_SMALL), ("1", None), ("2.5", None), ("2.51", Problem.TOO_BIG)],
)
def test_bounds_of_a_number_are_themselves_allowed(typed: str, problem: Problem | None) -> None:
    if problem is None:
        assert read("number", typed, min=1, max="2.5") == typed
    else:
        assert refusal("number", typed, min=1, max="2.5") is problem


@each_row(
    ("typed", "value"),
    [("42", 42), ("-3", -3), ("1,000", 1000), ("7.0", 7), (5, 5), (INTEGER_MAX, INTEGER_MAX)],
)
def test_integers_are_read(typed: object, value: int) -> None:
    assert read("integer", typed) == value


@each_row(
    ("raw", "problem"),
    [
        ("1.5", Problem.NOT_WHOLE),
        ("x", Problem.NOT_A_NUMBER),
        (INTEGER_MAX + 1, Problem.TOO_BIG),
        (-INTEGER_MAX - 1, Problem.TOO_SMALL),
        (10**100, Problem.TOO_MANY_DIGITS),
        (2.0, Problem.NOT_A_NUMBER),
        (False, Problem.NOT_A_NUMBER),
        ("11", Problem.TOO_BIG),
    ],
)
def test_integers_out_of_bounds_are_refused(raw: object, problem: Problem) -> None:
    bound: dict[str, Any] = {"max": 10} if raw == "11" else {}

    assert refusal("integer", raw, **bound) is problem


@each_row("language", LANGUAGES)
@each_row(
    ("typed", "minor", "currency"),
    [
        ("12.50 EUR", 1250, "EUR"), ("12,50 €", 1250, "EUR"), ("€12.50", 1250, "EUR"),
        ("EUR 12.50", 1250, "EUR"), ("eur12,5", 1250, "EUR"), ("12.50€", 1250, "EUR"),
        ("1 234,50 евро", 123450, "EUR"), ("100 руб.", 10000, "RUB"), ("100 ₽", 10000, "RUB"),
        ("100 грн", 10000, "UAH"), ("₴100", 10000, "UAH"), ("1000 JPY", 1000, "JPY"),
        ("1.500 KWD", 1500, "KWD"), ("0 EUR", 0, "EUR"), ("12 UAH", 1200, "UAH"),
        ("5 zł", 500, "PLN"), ("5 Kč", 500, "CZK"),
    ],
)  # fmt: skip
def test_amounts_are_read(language: str, typed: str, minor: int, currency: str) -> None:
    assert read("money", typed, person(language)) == {"minor": minor, "currency": currency}


def test_the_currency_of_a_field_need_not_be_typed() -> None:
    assert read("money", "12.5", currency="EUR") == {"minor": 1250, "currency": "EUR"}
    assert read("money", "$5", currency="USD") == {"minor": 500, "currency": "USD"}
    assert read("money", "5 US$", person("uk")) == {"minor": 500, "currency": "USD"}
    assert refusal("money", "$5", currency="EUR") is Problem.CURRENCY_UNKNOWN


@each_row(
    ("typed", "problem", "more"),
    [
        ("12.50", Problem.NO_CURRENCY, {}),
        ("12.50 USD", Problem.OTHER_CURRENCY, {"currency": "EUR"}),
        ("$12", Problem.CURRENCY_UNKNOWN, {}),
        ("12 XQQ", Problem.CURRENCY_UNKNOWN, {}),
        ("12.345 EUR", Problem.AMOUNT_IN_DOUBT, {}),
        ("12.3456 EUR", Problem.TOO_MANY_DECIMALS, {}),
        ("1.5 JPY", Problem.TOO_MANY_DECIMALS, {}),
        ("EUR 12 EUR", Problem.NOT_MONEY, {}),
        ("twelve EUR", Problem.NOT_MONEY, {}),
        ("12 34 EUR", Problem.NOT_MONEY, {}),
        ("12 EUR please", Problem.NOT_MONEY, {}),
        ("-1 EUR", Problem.TOO_SMALL, {}),
        ("EUR -1", Problem.TOO_SMALL, {}),
        ("- -1 EUR", Problem.NOT_MONEY, {}),
        ("0.49", Problem.TOO_SMALL, {"currency": "EUR", "min": "0.50"}),
        ("100.01", Problem.TOO_BIG, {"currency": "EUR", "max": 100}),
        ("9" * 20 + " EUR", Problem.TOO_BIG, {}),
        ("1." + "0" * 30 + "1 EUR", Problem.TOO_MANY_DECIMALS, {}),
        (1250, Problem.NOT_MONEY, {}),
        (12.5, Problem.NOT_TEXT, {}),
        (True, Problem.NOT_TEXT, {}),
        ({"minor": 12.5, "currency": "EUR"}, Problem.NOT_MONEY, {}),
        ({"minor": 1, "currency": "eur"}, Problem.NOT_MONEY, {}),
        ({"minor": 1, "currency": "XQQ"}, Problem.CURRENCY_UNKNOWN, {}),
        ({"minor": 1, "currency": "USD"}, Problem.OTHER_CURRENCY, {"currency": "EUR"}),
        ({"minor": MINOR_MAX + 1, "currency": "EUR"}, Problem.NOT_MONEY, {}),
        ({"minor": -1, "currency": "EUR"}, Problem.TOO_SMALL, {}),
        ({"minor": 1}, Problem.NOT_MONEY, {}),
    ],
)
def test_wrong_amounts_are_refused(typed: object, problem: Problem, more: dict[str, Any]) -> None:
    assert refusal("money", typed, **more) is problem


def test_amounts_below_zero_need_a_bound_below_zero() -> None:
    debt: dict[str, Any] = {"currency": "EUR", "min": "-10"}

    assert read("money", "-10 EUR", **debt) == {"minor": -1000, "currency": "EUR"}
    assert read("money", "−€10", **debt) == {"minor": -1000, "currency": "EUR"}
    assert read("money", "-3", currency="EUR", max=-2) == {"minor": -300, "currency": "EUR"}
    assert refusal("money", "-10.01 EUR", **debt) is Problem.TOO_SMALL


def test_the_largest_amount_is_read() -> None:
    largest = {"minor": MINOR_MAX, "currency": "EUR"}

    assert read("money", largest) == largest
    assert read("money", f"{MINOR_MAX // 100}.{MINOR_MAX % 100:02d} EUR") == largest


@given(
    language=st.sampled_from(LANGUAGES),
    number=st.decimals(-(10**12), 10**12, places=4),
)
def test_a_shown_number_reads_as_itself(language: str, number: Decimal) -> None:
    shown = show_number(format(number, "f"), language).replace("\u00a0", " ")

    assert read_decimal(shown, language) == number


@given(text=st.text("0123456789.,' -+", max_size=20), language=st.sampled_from(LANGUAGES))
def test_what_is_read_has_the_digits_that_were_typed(text: str, language: str) -> None:
    number = read_decimal(text, language)

    if number is not None:
        typed = "".join(c for c in text if c.isdigit()).strip("0")
        assert "".join(map(str, number.as_tuple().digits)).strip("0") == typed
