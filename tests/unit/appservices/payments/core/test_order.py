"""What people type when they pay: read where one reading exists, else asked back."""

from hypothesis import given
from hypothesis import strategies as st

from appservices.payments.amounts.core.order import (
    Order,
    OrderProblem,
    read_order,
    turned,
    with_currency,
)
from tests.support.tables import each_row
from veche.protocol.money import Money

EUR = ["EUR"]


def order(minor: int, reference: str = "", currency: str = "EUR") -> Order:
    return Order("bob", Money(minor=minor, currency=currency), reference)


@each_row(
    ("typed", "read"),
    [
        ("bob 12.50 EUR rent", order(1250, "rent")),
        ("bob 12,50 € for lunch", order(1250, "lunch")),
        ("bob 1 250,00 € за обед", order(125_000, "обед")),
        ("bob EUR 12 für Kuchen", order(1200, "Kuchen")),
        ("bob 12€", order(1200)),
        ("bob 12 euros lunch", order(1200, "lunch")),
        ("bob 12 Euro", order(1200)),
        ("bob 12.50", order(1250)),
        ("bob 12 apples", order(1200, "apples")),
        ("bob 12 FOR TEA", order(1200, "TEA")),
        ("bob 12 EUR 5 apples", order(1200, "5 apples")),
        ("bob 0.01 EUR", order(1)),
        ("bob 90071992547409.91 EUR", order(2**53 - 1)),
        ("bob 5 EUR " + "x" * 70, order(500, "x" * 70)),
    ],
)
def test_what_is_clear_is_read(typed: str, read: Order) -> None:
    assert read_order(typed, EUR) == read


@each_row(
    ("typed", "problem"),
    [
        ("", OrderProblem.USAGE),
        ("bob", OrderProblem.USAGE),
        ("bob lunch", OrderProblem.BAD_AMOUNT),
        ("bob 0 EUR", OrderProblem.NOT_ABOVE_ZERO),
        ("bob 0,00", OrderProblem.NOT_ABOVE_ZERO),
        ("bob -5 EUR", OrderProblem.NOT_ABOVE_ZERO),
        ("bob \N{MINUS SIGN}5", OrderProblem.NOT_ABOVE_ZERO),
        ("bob 1e3 EUR", OrderProblem.BAD_AMOUNT),
        ("bob 12 50 EUR", OrderProblem.BAD_AMOUNT),
        ("bob smith 5 EUR", OrderProblem.LONG_PAYEE),
        ("bob of the mill 5 EUR flour", OrderProblem.LONG_PAYEE),
        ("bob of the old stone mill 5 EUR", OrderProblem.BAD_AMOUNT),
        ("bob five EUR", OrderProblem.BAD_AMOUNT),
        ("bob 5 dollars", OrderProblem.OTHER_CURRENCY),
        ("bob 5 рублей", OrderProblem.OTHER_CURRENCY),
        ("bob 12.5.0 EUR", OrderProblem.BAD_AMOUNT),
        ("bob 90071992547409.92 EUR", OrderProblem.TOO_LARGE),
        ("bob 99999999999999999999", OrderProblem.TOO_LARGE),
        ("bob 5.0055 EUR tea", OrderProblem.TOO_MANY_DECIMALS),
        ("bob 5.0055", OrderProblem.TOO_MANY_DECIMALS),
        ("bob 5 BTC", OrderProblem.OTHER_CURRENCY),
        ("bob 5 XYZ rent", OrderProblem.OTHER_CURRENCY),
        ("bob 1.250", OrderProblem.AMOUNT_IN_DOUBT),
        ("bob 1,250 EUR rent", OrderProblem.AMOUNT_IN_DOUBT),
        ("bob 12 USD", OrderProblem.OTHER_CURRENCY),
        ("bob 12 all the rest", OrderProblem.OTHER_CURRENCY),
        ("bob 5 EUR " + "x" * 71, OrderProblem.LONG_REFERENCE),
        ("bob 5 EUR a\u202eb", OrderProblem.HIDDEN_CHARACTERS),
        ("bob 5 EUR a\u200bb", OrderProblem.HIDDEN_CHARACTERS),
    ],
)
def test_what_is_not_clear_is_asked_back(typed: str, problem: OrderProblem) -> None:
    assert read_order(typed, EUR) is problem


def test_a_currency_is_asked_for_where_there_are_several() -> None:
    assert read_order("bob 12 rent", ["EUR", "UAH"]) is OrderProblem.NO_CURRENCY
    assert read_order("bob 12 UAH rent", ["EUR", "UAH"]) == order(1200, "rent", "UAH")


@each_row(
    ("typed", "currencies", "mended"),
    [
        ("bob 12 all the rest", EUR, ("bob 12 EUR all the rest", "all")),
        ("bob 12,50 Try  this", EUR, ("bob 12,50 EUR Try this", "Try")),
        ("bob 12 rent", ["EUR", "UAH"], ("bob 12 EUR rent", "rent")),
        ("bob 12", ["EUR", "UAH"], ("bob 12 EUR", "")),
        ("bob 12 USD rent", EUR, None),
        ("bob 12 XYZ", EUR, None),
        ("bob 12usd rent", EUR, None),
        ("bob 12 dollars", EUR, None),
        ("bob", EUR, None),
        ("bob 12 all " + "x" * 67, EUR, None),
    ],
)
def test_a_currency_that_was_left_out_is_put_where_it_belongs(
    typed: str, currencies: list[str], mended: tuple[str, str] | None
) -> None:
    assert with_currency(typed, currencies) == mended


@each_row(
    ("typed", "other_way"),
    [
        ("5 EUR bob", "bob 5 EUR"),
        ("5 EUR to bob for lunch", "bob 5 EUR for lunch"),
        ("EUR 5 bob", "bob EUR 5"),
        ("1 000,50 € @bob:example.org rent", "@bob:example.org 1 000,50 € rent"),
        ("to bob 5 EUR", "bob 5 EUR"),
        ("5 EUR", None),
        ("5 EUR to", None),
        ("bob 5 EUR", None),
        ("bob smith 5 EUR", None),
        ("", None),
    ],
)
def test_an_order_the_other_way_round_is_turned(typed: str, other_way: str | None) -> None:
    assert turned(typed, EUR) == other_way


@given(st.integers(1, 2**53 - 1), st.sampled_from([".", ","]), st.booleans())
def test_an_amount_with_all_its_decimals_is_read_as_it_is(
    minor: int, sign: str, has_currency: bool
) -> None:
    typed = f"bob {minor // 100}{sign}{minor % 100:02}" + (" EUR" if has_currency else "")

    assert read_order(typed, EUR) == order(minor)


@given(st.text(max_size=200))
def test_nothing_that_is_typed_makes_an_amount_out_of_bounds(typed: str) -> None:
    read = read_order(typed, EUR)

    assert isinstance(read, OrderProblem) or 1 <= read.amount.minor <= 2**53 - 1
