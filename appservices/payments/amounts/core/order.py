"""Payment orders as typed, such as "bob 12.50 EUR rent": payee, amount, purpose.

Read leniently only where one reading exists; everything else is asked back, never guessed. Source:
design of Veche, payments §8.9, §14.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.approval import showable
from veche.protocol.money import (
    AmountError,
    AmountProblem,
    Money,
    is_currency_name,
    parse_money,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

REFERENCE_CHARACTERS_MAX: Final = 70
AMOUNT_MINOR_MAX: Final = 2**53 - 1
_AMOUNT_WORDS_MAX: Final = 5
"""Most words that an amount is typed in: "1 000 000,00 EUR" has four."""
_FOR: Final = frozenset({"for", "für", "fuer", "за", "на"})
"""Words between an amount and what it is for."""
_WORDS_MIN: Final = 2
_CODE: Final = re.compile(r"[A-Z]{3}")
TO: Final = frozenset({"to", "an", "кому", "для", "до"})
"""Words before who is paid, where somebody says first how much."""
_PAYEE_WORDS_MAX: Final = 5
"""Most words that are looked at for a payee of several, which is none."""
_NEGATIVE: Final = re.compile(r"[-\N{MINUS SIGN}\N{EN DASH}]\d")


class OrderProblem(enum.Enum):
    """A problem with an order; its text is in ``texts``."""

    USAGE = "usage"
    """There is no payee, or no amount."""
    LONG_PAYEE = "long_payee"
    """There are several words before the amount."""
    BAD_AMOUNT = "bad_amount"
    AMOUNT_IN_DOUBT = "amount_in_doubt"
    """ "1,250": a thousand for one reader, one and a bit for another."""
    NOT_ABOVE_ZERO = "not_above_zero"
    """Nothing at all, or less: "0", "-5"."""
    TOO_MANY_DECIMALS = "too_many_decimals"
    TOO_LARGE = "too_large"
    """More than any account can have."""
    NO_CURRENCY = "no_currency"
    """None was typed, and there are several."""
    OTHER_CURRENCY = "other_currency"
    LONG_REFERENCE = "long_reference"
    HIDDEN_CHARACTERS = "hidden_characters"


_PROBLEMS: Final = {
    AmountProblem.IN_DOUBT: OrderProblem.AMOUNT_IN_DOUBT,
    AmountProblem.TOO_MANY_DECIMALS: OrderProblem.TOO_MANY_DECIMALS,
    AmountProblem.TOO_LARGE: OrderProblem.TOO_LARGE,
    AmountProblem.SHARED_NAME: OrderProblem.OTHER_CURRENCY,
}
"""Faults of what is an amount; with other faults it is none, or may be a longer one."""


@attrs.frozen
class Order:
    """A payment as it was ordered.

    Attributes:
        payee: As it was typed.
        amount: At least one minor unit, of a currency that there is here.
        reference: Purpose; at most ``REFERENCE_CHARACTERS_MAX``, may be empty.
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
        is_long = found is OrderProblem.BAD_AMOUNT and _has_long_payee(words, currencies)
        return OrderProblem.LONG_PAYEE if is_long else found
    amount, rest = found
    reference = " ".join(without_for(rest))
    problem = reference_problem(reference)
    return problem or Order(words[0], amount, reference)


def with_currency(typed: str, currencies: Sequence[str]) -> tuple[str, str] | None:
    """An order whose currency was left out, with one put in; None if that is not what it lacks.

    "bob 12 all the rest" has an amount in the money of Albania, ALL, for whoever reads it as an
    amount. What was meant only the person knows, so this is shown to them and never done. Capitals
    were meant as a currency: nothing is put before those.

    Returns:
        The order, and the word that stood where the currency belongs; empty if none did.
    """
    words = typed.split()
    word = words[_WORDS_MIN] if len(words) > _WORDS_MIN else ""
    if _CODE.fullmatch(word) or is_currency_name(word):
        return None
    mended = " ".join([*words[:_WORDS_MIN], next(iter(currencies)), *words[_WORDS_MIN:]])
    return (mended, word) if isinstance(read_order(mended, currencies), Order) else None


def turned(typed: str, currencies: Sequence[str]) -> str | None:
    """An order in which the amount comes first, with who is paid before it: "5 EUR to bob for tea".

    None: it is none. As with ``with_currency``, it is shown and never done.
    """
    words = typed.split()
    if words and words[0].casefold() in TO:
        mended = words[1:]
    else:
        found = read_amount(words, currencies)
        if isinstance(found, OrderProblem):
            return None
        rest = list(found[1])
        rest = rest[1:] if rest and rest[0].casefold() in TO else rest
        amount = words[: len(words) - len(found[1])]
        mended = [*rest[:1], *amount, *rest[1:]] if rest else []
    line = " ".join(mended)
    return line if isinstance(read_order(line, currencies), Order) else None


def _has_long_payee(words: Sequence[str], currencies: Sequence[str]) -> bool:
    """Return whether an amount comes after several words without a digit: "bob smith 5 EUR"."""
    for count in range(_WORDS_MIN, min(_PAYEE_WORDS_MAX, len(words) - 1) + 1):
        if words[count - 1][:1].isdigit():
            return False
        if not isinstance(read_amount(words[count:], currencies), OrderProblem):
            return True
    return False


def without_for(words: Sequence[str]) -> Sequence[str]:
    """Return the purpose, without the word between it and the amount."""
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
    problem: OrderProblem | None = None
    for count in range(min(_AMOUNT_WORDS_MAX, len(words)), 0, -1):
        typed = " ".join(words[:count])
        try:
            amount = parse_money(typed, among=currencies)
        except AmountError as e:
            problem = problem or _PROBLEMS.get(e.problem)
            continue
        return _checked(amount, words[count:], currencies)
    return problem or _without_currency(words, currencies)


def _without_currency(
    words: Sequence[str], currencies: Collection[str]
) -> tuple[Money, Sequence[str]] | OrderProblem:
    """An amount whose currency was left out: one word, so that none after it can belong to it."""
    problem = _doubt(words, currencies)
    if problem is not None:
        return problem
    try:
        amount = parse_money(words[0], currency=next(iter(currencies)))
    except AmountError as e:
        return _PROBLEMS.get(e.problem, OrderProblem.BAD_AMOUNT)
    return _checked(amount, words[1:], currencies)


def _doubt(words: Sequence[str], currencies: Collection[str]) -> OrderProblem | None:
    """Why the first of some words cannot be an amount whose currency was left out."""
    first, second = words[0], words[1] if len(words) > 1 else ""
    if _NEGATIVE.match(first):
        return OrderProblem.NOT_ABOVE_ZERO
    if second[:1].isdigit() or not first[:1].isdigit():
        return OrderProblem.BAD_AMOUNT
    is_code = _CODE.fullmatch(second) and second.casefold() not in _FOR
    if (is_code and second not in currencies) or is_currency_name(second):
        # "5 BTC" and "5 dollars" are not five euros for something called so.
        return OrderProblem.OTHER_CURRENCY
    return OrderProblem.NO_CURRENCY if len(currencies) > 1 else None


def _checked(
    amount: Money, rest: Sequence[str], currencies: Collection[str]
) -> tuple[Money, Sequence[str]] | OrderProblem:
    if amount.currency not in currencies:
        return OrderProblem.OTHER_CURRENCY
    if not amount.minor:
        return OrderProblem.NOT_ABOVE_ZERO
    if amount.minor > AMOUNT_MINOR_MAX:
        return OrderProblem.TOO_LARGE
    return amount, rest
