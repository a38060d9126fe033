"""What a person wants who types "bob 12.50 EUR rent": whom, how much, what for.

Read leniently only where one reading exists; everything else is asked back, never guessed. Source:
design of Veche, payments §8.9, §14.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError
from veche.protocol.money import Money, parse_money

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

REFERENCE_CHARACTERS_MAX: Final = 70
AMOUNT_MINOR_MAX: Final = 2**53 - 1
_AMOUNT_WORDS_MAX: Final = 5
"""Most words that an amount is typed in: "1 000 000,00 EUR" has four."""
_IN_DOUBT: Final = re.compile(r"\D*\d{1,3}[.,]\d{3}\D*")
_FOR: Final = frozenset({"for", "für", "fuer", "за", "на"})
"""Words between an amount and what it is for."""
_WORDS_MIN: Final = 2


class OrderProblem(enum.Enum):
    """What is wrong with an order; its text is in ``texts``."""

    USAGE = "usage"
    """There is no payee, or no amount."""
    BAD_AMOUNT = "bad_amount"
    AMOUNT_IN_DOUBT = "amount_in_doubt"
    """ "1,250": a thousand for one reader, one and a bit for another."""
    NO_CURRENCY = "no_currency"
    """None was typed, and there are several."""
    OTHER_CURRENCY = "other_currency"
    LONG_REFERENCE = "long_reference"
    HIDDEN_CHARACTERS = "hidden_characters"


@attrs.frozen
class Order:
    """A payment as it was ordered.

    Attributes:
        payee: As it was typed.
        amount: At least one minor unit, of a currency that there is here.
        reference: What for; at most ``REFERENCE_CHARACTERS_MAX``, may be empty.
    """

    payee: str
    amount: Money
    reference: str


def read_order(typed: str, currencies: Sequence[str]) -> Order | OrderProblem:
    """The order that a person typed after the word for paying.

    Args:
        typed: "bob 12.50 EUR rent"; the payee is one word.
        currencies: Those of the ledgers here; where there is one, it need not be typed.
    """
    words = typed.split()
    if len(words) < _WORDS_MIN:
        return OrderProblem.USAGE
    found = read_amount(words[1:], currencies)
    if isinstance(found, OrderProblem):
        return found
    amount, rest = found
    reference = " ".join(without_for(rest))
    problem = reference_problem(reference)
    return problem or Order(words[0], amount, reference)


def without_for(words: Sequence[str]) -> Sequence[str]:
    """What something is for, without the word between it and the amount."""
    return words[1:] if words and words[0].casefold() in _FOR else words


def reference_problem(reference: str) -> OrderProblem | None:
    """Why a reference cannot be shown as it is; None if it can."""
    if len(reference) > REFERENCE_CHARACTERS_MAX:
        return OrderProblem.LONG_REFERENCE
    if showable(reference) != reference or "\n" in reference:
        return OrderProblem.HIDDEN_CHARACTERS
    return None


def read_amount(
    words: Sequence[str], currencies: Collection[str]
) -> tuple[Money, Sequence[str]] | OrderProblem:
    """The amount that some words begin with, and the words after it."""
    if not words:
        return OrderProblem.USAGE
    for count in range(min(_AMOUNT_WORDS_MAX, len(words)), 0, -1):
        typed = " ".join(words[:count])
        try:
            amount = parse_money(typed)
        except MalformedError:
            continue
        return _checked(amount, words[count:], currencies)
    return _without_currency(words, currencies)


def _without_currency(
    words: Sequence[str], currencies: Collection[str]
) -> tuple[Money, Sequence[str]] | OrderProblem:
    """An amount whose currency was left out: one word, so that none after it can belong to it."""
    if _IN_DOUBT.fullmatch(words[0]):
        return OrderProblem.AMOUNT_IN_DOUBT
    is_torn = len(words) > 1 and words[1][:1].isdigit()
    if is_torn or not words[0][:1].isdigit():
        return OrderProblem.BAD_AMOUNT
    if len(currencies) > 1:
        return OrderProblem.NO_CURRENCY
    try:
        amount = parse_money(words[0], currency=next(iter(currencies)))
    except MalformedError:
        return OrderProblem.BAD_AMOUNT
    return _checked(amount, words[1:], currencies)


def _checked(
    amount: Money, rest: Sequence[str], currencies: Collection[str]
) -> tuple[Money, Sequence[str]] | OrderProblem:
    if amount.currency not in currencies:
        return OrderProblem.OTHER_CURRENCY
    if not 1 <= amount.minor <= AMOUNT_MINOR_MAX:
        return OrderProblem.BAD_AMOUNT
    return amount, rest
