"""What somebody wants who types "dispute 1Q2W3E4R 20.00 EUR two of three were broken".

Which payment, how much of it if not all, and why. An amount counts only with its currency, so that
no number at the beginning of a reason is taken for one.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.approval import showable
from veche.protocol.dispute_api import WORDS_CHARACTERS_MAX
from veche.protocol.errors import MalformedError
from veche.protocol.money import parse_money

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL: Final = frozenset({"all", "всё", "все", "alles", "усе"})
NONE: Final = frozenset({"none", "nothing", "ничего", "nichts", "нічого"})
FILES: Final = frozenset({"files", "файлы", "dateien", "файли"})
"""Send me the evidence."""
_AMOUNT_WORDS_MAX: Final = 5


class DisputeProblem(enum.Enum):
    """What is wrong with the order of a dispute; its text is in ``texts``."""

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
    """What was typed after the number of a payment.

    Args:
        words: "20.00 EUR two were broken", "two were broken".
        currency: Of the payment.
    """
    amount_minor, rest = _amount(words, currency)
    said = " ".join(rest)
    if len(said) > WORDS_CHARACTERS_MAX or showable(said) != said:
        return DisputeProblem.BAD_WORDS
    return DisputeOrder(amount_minor, said)


def read_decision(
    words: Sequence[str], currency: str, held_minor: int
) -> DisputeOrder | DisputeProblem:
    """How the desk decides: "all …", "none …", "20.00 EUR …", each with a reason.

    Args:
        words: As above.
        currency: Of the payment.
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


def _amount(words: Sequence[str], currency: str) -> tuple[int | None, Sequence[str]]:
    for count in range(min(_AMOUNT_WORDS_MAX, len(words)), 0, -1):
        try:
            amount = parse_money(" ".join(words[:count]).upper())
        except MalformedError:
            continue
        if amount.currency == currency:
            return amount.minor, words[count:]
    return None, words
