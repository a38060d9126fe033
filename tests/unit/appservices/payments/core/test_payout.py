"""What of a typed payout is read, and what is asked back."""

from appservices.payments.amounts.core.order import OrderProblem
from appservices.payments.payouts.core import (
    OWNER_CHARACTERS_MAX,
    PayoutOrder,
    PayoutProblem,
    read_payout,
)
from tests.support.tables import each_row
from veche.protocol.money import Money

IBAN = "DE02120300000000202051"
SPACED = "de02 1203 0000 0000 2020 51"
FIFTY = Money(minor=5000, currency="EUR")


@each_row(
    ("typed", "amount", "name"),
    [
        (f"50 EUR to {IBAN} Bob Beispiel", FIFTY, "Bob Beispiel"),
        (f"50 EUR {SPACED} Bob Beispiel", FIFTY, "Bob Beispiel"),
        (f"50,00 € an {SPACED} Bob", FIFTY, "Bob"),
        (f"50 на {IBAN} Боб Приклад", FIFTY, "Боб Приклад"),
        (f"1 250.00 EUR to {IBAN} B", Money(minor=125_000, currency="EUR"), "B"),
        (
            f"50 EUR to {IBAN} {'x' * OWNER_CHARACTERS_MAX}",
            FIFTY,
            "x" * OWNER_CHARACTERS_MAX,
        ),
    ],
)
def test_a_payout_is_read_however_the_number_is_grouped(
    typed: str, amount: Money, name: str
) -> None:
    assert read_payout(typed, ["EUR"]) == PayoutOrder(amount, IBAN, name)


@each_row(
    ("typed", "problem"),
    [
        ("", PayoutProblem.USAGE),
        ("50 EUR", PayoutProblem.USAGE),
        ("50 EUR to", PayoutProblem.USAGE),
        (f"50 EUR to {IBAN}", PayoutProblem.USAGE),
        ("50 EUR to DE02120300000000202052 Bob", PayoutProblem.BAD_IBAN),
        ("50 EUR to Bob Beispiel", PayoutProblem.BAD_IBAN),
        ("50 EUR to " + "A " * 40, PayoutProblem.BAD_IBAN),
        (f"50 EUR to {IBAN} {'x' * (OWNER_CHARACTERS_MAX + 1)}", PayoutProblem.LONG_NAME),
        (f"50 EUR to {IBAN} B\u202eob", PayoutProblem.HIDDEN_CHARACTERS),
        (f"{IBAN} Bob 50 EUR", OrderProblem.BAD_AMOUNT),
        (f"0 EUR to {IBAN} Bob", OrderProblem.NOT_ABOVE_ZERO),
        (f"-5 EUR to {IBAN} Bob", OrderProblem.NOT_ABOVE_ZERO),
        (f"1,250 to {IBAN} Bob", OrderProblem.AMOUNT_IN_DOUBT),
        (f"5 USD to {IBAN} Bob", OrderProblem.OTHER_CURRENCY),
    ],
)
def test_what_is_wrong_with_a_payout_is_named(
    typed: str, problem: OrderProblem | PayoutProblem
) -> None:
    assert read_payout(typed, ["EUR"]) is problem
