"""Dispute orders as typed: "dispute 1Q2W3E4R 20.00 EUR two of three were broken".

Which payment, how much of it if not all, and why. An amount counts only with its currency, so that
no number at the beginning of a reason is taken for one; and what looks like another amount is never
taken for a reason, since then all would be disputed.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.order import OrderProblem, read_amount
from appservices.payments.disputes.core.dispute import WORDS_CHARACTERS_MAX
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError
from veche.protocol.money import parse_money

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL: Final = frozenset({"all", "всё", "все", "alles", "усе"})
NONE: Final = frozenset({"none", "nothing", "ничего", "nichts", "нічого"})
FILES: Final = frozenset({"files", "файлы", "dateien", "файли"})
"""Send me the evidence."""
_AMOUNT_WORDS_MAX: Final = 5
_NUMBER: Final = re.compile(r"\d+")


class DisputeProblem(enum.Enum):
    """A problem with the order of a dispute; its text is in ``texts``."""

    USAGE = "usage"
    NO_PAYMENT = "no_payment"
    """Nothing of this number was paid that could be disputed."""
    NO_REASON = "no_reason"
    BAD_WORDS = "bad_words"
    """Too long, or with characters that cannot be seen."""
    NOT_POSITIVE = "not_positive"
    TOO_MUCH = "too_much"
    TOO_OLD = "too_old"
    TWICE = "twice"
    TOO_MANY = "too_many"
    NOTHING_LEFT = "nothing_left"
    NO_DESK = "no_desk"
    """Nobody would decide it here."""
    NO_AMOUNT = "no_amount"
    """The desk has to say how much."""
    BAD_AMOUNT = "bad_amount"
    """It begins with an amount that cannot be read, or can be read in two ways."""
    OTHER_CURRENCY = "other_currency"
    """It begins with an amount without the currency of the payment."""


@attrs.frozen
class DisputeOrder:
    """A dispute, an answer or a decision as it was typed.

    Attributes:
        amount_minor: How much; None: it was not said.
        words: Why; may be empty.
    """

    amount_minor: int | None
    words: str


def read_dispute(words: Sequence[str], currency: str) -> DisputeOrder | DisputeProblem:
    """Read the text after the number of a payment.

    Args:
        words: "20.00 EUR two were broken", "two were broken".
        currency: Currency of the payment.
    """
    found = _amount(words, currency)
    if isinstance(found, DisputeProblem):
        return found
    amount_minor, rest = found
    said = read_words(" ".join(rest))
    return said if isinstance(said, DisputeProblem) else DisputeOrder(amount_minor, said)


def read_words(typed: str) -> str | DisputeProblem:
    """Read somebody's words in a dispute, in one line; amounts in them mean nothing."""
    said = " ".join(typed.split())
    if len(said) > WORDS_CHARACTERS_MAX or showable(said) != said:
        return DisputeProblem.BAD_WORDS
    return said


def read_decision(
    words: Sequence[str], currency: str, held_minor: int
) -> DisputeOrder | DisputeProblem:
    """How the desk decides: "all …", "none …", "20.00 EUR …", each with a reason.

    Args:
        words: As above.
        currency: Currency of the payment.
        held_minor: What is set aside: more cannot be given back.
    """
    said = words[0].casefold() if words else ""
    if said in ALL | NONE:
        read = read_dispute(words[1:], currency)
        if isinstance(read, DisputeProblem):
            return read
        read = attrs.evolve(read, amount_minor=held_minor if said in ALL else 0)
    else:
        found = read_dispute(words, currency)
        if isinstance(found, DisputeProblem):
            return found
        read = found
    if read.amount_minor is None:
        return DisputeProblem.NO_AMOUNT
    if read.amount_minor > held_minor:
        return DisputeProblem.TOO_MUCH
    return read if read.words else DisputeProblem.NO_REASON


def _amount(
    words: Sequence[str], currency: str
) -> tuple[int | None, Sequence[str]] | DisputeProblem:
    for count in range(min(_AMOUNT_WORDS_MAX, len(words)), 0, -1):
        try:
            amount = parse_money(" ".join(words[:count]).upper())
        except MalformedError:
            continue
        if amount.currency == currency:
            return amount.minor, words[count:]
    problem = _wrong_amount(words, currency)
    return (None, words) if problem is None else problem


def _wrong_amount(words: Sequence[str], currency: str) -> DisputeProblem | None:
    """Why some words begin with an amount that is none of this payment; None: with no amount."""
    found = read_amount(words, [currency])
    if not isinstance(found, OrderProblem):
        # "2 were broken" counts things, "2.50 were broken" lacks its currency.
        is_count = bool(_NUMBER.fullmatch(words[0]))
        return None if is_count else DisputeProblem.OTHER_CURRENCY
    if found is OrderProblem.OTHER_CURRENCY:
        return DisputeProblem.OTHER_CURRENCY
    if found is OrderProblem.NOT_ABOVE_ZERO:
        return DisputeProblem.NOT_POSITIVE if not _NUMBER.fullmatch(words[0]) else None
    if found in {OrderProblem.BAD_AMOUNT, OrderProblem.USAGE}:
        return _meant(words[:2], currency)
    return DisputeProblem.BAD_AMOUNT


def _meant(first: Sequence[str], currency: str) -> DisputeProblem | None:
    """Return the problem of an unreadable amount; None if no amount was meant."""
    if not any(one.isdigit() for one in "".join(first)):
        return None
    # "5.5.5 EUR": whoever names the currency means an amount.
    if any(one.upper() == currency for one in first):
        return DisputeProblem.BAD_AMOUNT
    has_sign = any(unicodedata.category(one) == "Sc" for one in "".join(first))
    return DisputeProblem.OTHER_CURRENCY if has_sign else None
