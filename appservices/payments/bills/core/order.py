"""Bill orders as typed, such as "60.00 EUR @alice @bob:2 @carol=10.00 dinner".

How much, among whom, what for. Whoever is named alone pays one part; ``:2`` is two parts,
``=10.00`` a fixed amount. The organiser is ``@me``. Read leniently only where one reading exists.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.order import (
    OrderProblem,
    read_amount,
    reference_problem,
    without_for,
)
from appservices.payments.amounts.core.split import PARTS_MAX, SplitError, SplitProblem
from appservices.payments.bills.core.bill import Sharer, shares_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.protocol.money import Money

ME: Final = frozenset({"me", "я", "ich"})
"""How somebody names themselves, after the at sign."""
WEIGHT_MAX: Final = 100
"""Most parts of one person."""
_NAMED: Final = re.compile(r"@(?P<who>[^=]+?)(?::(?P<parts>\d{1,4})|=(?P<fixed>\S+))?")


class BillProblem(enum.Enum):
    """A problem with the order of a bill; its text is in ``texts``."""

    NOBODY = "nobody"
    """Nobody is named, or only the organiser."""
    TWICE = "twice"
    TOO_MANY = "too_many"
    BAD_PARTS = "bad_parts"
    TOO_LITTLE = "too_little"
    """The fixed amounts are more than there is."""
    REMAINS = "remains"
    """The fixed amounts leave something that nobody pays."""
    NOTHING_LEFT = "nothing_left"
    """Somebody would pay nothing."""


@attrs.frozen
class BillOrder:
    """A bill as it was ordered.

    Attributes:
        amount: All of it.
        sharers: Each once, as they were typed, without the at sign; ``""`` is who ordered it.
        reference: Purpose; may be empty.
    """

    amount: Money
    sharers: tuple[Sharer, ...]
    reference: str


def read_bill(typed: str, currencies: Sequence[str]) -> BillOrder | BillProblem | OrderProblem:
    """The bill that a person typed after the word for it.

    Args:
        typed: The amount first; names have an at sign, the other words are what it is for.
        currencies: Those of the ledgers here; where there is one, it need not be typed.
    """
    found = read_amount(typed.split(), currencies)
    if isinstance(found, OrderProblem):
        return found
    amount, words = found
    named = [word for word in words if word.startswith("@")]
    reference = " ".join(without_for([word for word in words if not word.startswith("@")]))
    problem = reference_problem(reference)
    if problem is not None:
        return problem
    if len(named) > PARTS_MAX:
        return BillProblem.TOO_MANY
    sharers: list[Sharer] = []
    for word in named:
        sharer = _sharer(word, amount.currency)
        if not isinstance(sharer, Sharer):
            return sharer
        sharers.append(sharer)
    order = BillOrder(amount, tuple(sharers), reference)
    return problem_of(order) or order


def problem_of(order: BillOrder) -> BillProblem | None:
    """Why a bill cannot be divided as it was ordered; None if it can."""
    names = [one.who for one in order.sharers]
    if not any(names):
        return BillProblem.NOBODY
    if len(set(names)) != len(names):
        return BillProblem.TWICE
    try:
        shares = shares_of(order.amount.minor, order.sharers)
    except SplitError as e:
        is_little = e.problem is SplitProblem.TOO_LITTLE
        return BillProblem.TOO_LITTLE if is_little else BillProblem.REMAINS
    return BillProblem.NOTHING_LEFT if min(shares) < 1 else None


def _sharer(word: str, currency: str) -> Sharer | BillProblem | OrderProblem:
    found = _NAMED.fullmatch(word.rstrip(",;"))
    if found is None:
        return BillProblem.BAD_PARTS
    who = "" if found["who"].casefold() in ME else found["who"].casefold()
    if found["fixed"] is not None:
        read = read_amount([found["fixed"]], [currency])
        if isinstance(read, OrderProblem):
            return read
        return Sharer(who, fixed_minor=read[0].minor)
    parts = int(found["parts"] or 1)
    if not 1 <= parts <= WEIGHT_MAX:
        return BillProblem.BAD_PARTS
    return Sharer(who, parts)
