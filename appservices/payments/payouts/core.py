"""Payout orders as typed, "payout 50 EUR to DE02 … Bob Beispiel": amount and account.

The number of the account may be typed in groups, as it stands on paper; its check digits say where
it ends and the owner's name begins.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.order import OrderProblem, read_amount
from appservices.payments.formats.core.plain import iban
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.protocol.money import Money

OWNER_CHARACTERS_MAX: Final = 70
"""Of the name of an account's owner (ISO 20022, Max70Text as SEPA has it)."""
_GROUPS_MAX: Final = 12
"""Most words that the number of an account is typed in: 34 characters in groups of four have 9."""
_TO: Final = frozenset({"to", "an", "auf", "nach", "на", "для"})
"""Words between the amount and the account."""


class PayoutProblem(enum.Enum):
    """A problem with a payout; its text is in ``texts``."""

    USAGE = "usage"
    """There is no account, or no name."""
    BAD_IBAN = "bad_iban"
    LONG_NAME = "long_name"
    HIDDEN_CHARACTERS = "hidden_characters"
    OURS = "ours"
    """The account is the institution's own: a bank would take the whole file for wrong."""
    NO_BANK = "no_bank"
    """No bank here pays out in this currency."""
    NOT_TAKEN = "not_taken"
    """The bank would not take such an order."""
    TOO_MANY = "too_many"
    """Of this person's in a day."""


@attrs.frozen
class PayoutOrder:
    """A payout as it was ordered.

    Attributes:
        amount: At least one minor unit, of a currency that there is here.
        iban: Without spaces, its check digits are right.
        name: Of the account's owner, at most ``OWNER_CHARACTERS_MAX``.
        reference: What the owner knows it by: ISO 11649, or a text; may be empty.
    """

    amount: Money
    iban: str
    name: str
    reference: str = ""


def read_payout(
    typed: str, currencies: Sequence[str]
) -> PayoutOrder | OrderProblem | PayoutProblem:
    """The payout that a person typed after the word for it.

    Args:
        typed: "50 EUR to DE02 1203 0000 0000 2020 51 Bob Beispiel".
        currencies: Those of the ledgers here; where there is one, it need not be typed.
    """
    words = typed.split()
    if not words:
        return PayoutProblem.USAGE
    found = read_amount(words, currencies)
    if isinstance(found, OrderProblem):
        return found
    amount, rest = found
    if rest and rest[0].casefold() in _TO:
        rest = rest[1:]
    if not rest:
        return PayoutProblem.USAGE
    account = _account(rest)
    if account is None:
        return PayoutProblem.BAD_IBAN
    number, name = account
    return name_problem(name) or PayoutOrder(amount, number, name)


def _account(words: Sequence[str]) -> tuple[str, str] | None:
    """The number that some words begin with, and the name after it."""
    for count in range(1, min(_GROUPS_MAX, len(words)) + 1):
        try:
            return iban("".join(words[:count])), " ".join(words[count:])
        except MalformedError:
            continue
    return None


def name_problem(name: str) -> PayoutProblem | None:
    """Why the name of an account's owner will not do; None if it will."""
    if not name:
        return PayoutProblem.USAGE
    if len(name) > OWNER_CHARACTERS_MAX:
        return PayoutProblem.LONG_NAME
    return PayoutProblem.HIDDEN_CHARACTERS if showable(name) != name else None
