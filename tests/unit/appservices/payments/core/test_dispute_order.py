"""What is typed after the number of a disputed payment."""

from appservices.payments.disputes.core.dispute import WORDS_CHARACTERS_MAX
from appservices.payments.disputes.core.order import (
    DisputeOrder,
    DisputeProblem,
    read_decision,
    read_dispute,
    read_words,
)
from tests.support.tables import each_row


@each_row(
    ("typed", "amount_minor", "words"),
    [
        ("two were broken", None, "two were broken"),
        ("5 EUR two were broken", 500, "two were broken"),
        ("1 250,00 € two of three", 125_000, "two of three"),
        ("eur 5.00 broken", 500, "broken"),
        # A number alone belongs to what is said.
        ("2 were broken", None, "2 were broken"),
        ("20 roses were withered", None, "20 roses were withered"),
        ("0 of them came", None, "0 of them came"),
        ("5 EUR", 500, ""),
        ("", None, ""),
    ],
)
def test_an_amount_counts_with_its_currency(
    typed: str, amount_minor: int | None, words: str
) -> None:
    assert read_dispute(typed.split(), "EUR") == DisputeOrder(amount_minor, words)


@each_row(
    ("typed", "problem"),
    [
        ("5 USD broken", DisputeProblem.OTHER_CURRENCY),
        ("$5 broken", DisputeProblem.OTHER_CURRENCY),
        ("usd 5 broken", DisputeProblem.OTHER_CURRENCY),
        ("5 dollars broken", DisputeProblem.OTHER_CURRENCY),
        ("5 BTC broken", DisputeProblem.OTHER_CURRENCY),
        ("5.50 broken", DisputeProblem.OTHER_CURRENCY),
        ("5.001 EUR broken", DisputeProblem.BAD_AMOUNT),
        ("1,250 EUR broken", DisputeProblem.BAD_AMOUNT),
        ("5.5.5 EUR broken", DisputeProblem.BAD_AMOUNT),
        ("99999999999999999999 EUR broken", DisputeProblem.BAD_AMOUNT),
        ("-5 EUR broken", DisputeProblem.NOT_POSITIVE),
    ],
)
def test_what_looks_like_another_amount_disputes_nothing(
    typed: str, problem: DisputeProblem
) -> None:
    assert read_dispute(typed.split(), "EUR") is problem


def test_words_that_are_no_order_may_begin_with_any_amount() -> None:
    assert read_words(" 5 USD  is what it cost in the shop ") == "5 USD is what it cost in the shop"
    assert read_words("x" * (WORDS_CHARACTERS_MAX + 1)) is DisputeProblem.BAD_WORDS


def test_a_reason_has_its_bounds() -> None:
    assert isinstance(read_dispute(["x" * WORDS_CHARACTERS_MAX], "EUR"), DisputeOrder)
    for words in ("x" * (WORDS_CHARACTERS_MAX + 1), "turned\u202eround"):
        assert read_dispute([words], "EUR") is DisputeProblem.BAD_WORDS


@each_row(
    ("typed", "found"),
    [
        ("all it never came", DisputeOrder(700, "it never came")),
        ("none it came", DisputeOrder(0, "it came")),
        ("ничего товар получен", DisputeOrder(0, "товар получен")),
        ("7.00 EUR it came late", DisputeOrder(700, "it came late")),
        ("7.01 EUR it came late", DisputeProblem.TOO_MUCH),
        ("it came late", DisputeProblem.NO_AMOUNT),
        ("all", DisputeProblem.NO_REASON),
        ("3 EUR", DisputeProblem.NO_REASON),
        ("", DisputeProblem.NO_AMOUNT),
        ("none " + "x" * 501, DisputeProblem.BAD_WORDS),
        ("x" * 501, DisputeProblem.BAD_WORDS),
    ],
)
def test_a_decision_has_an_amount_and_a_reason(typed: str, found: object) -> None:
    assert read_decision(typed.split(), "EUR", 700) == found
