"""Guardians: persons whom a payer chose, some of whom have to approve payments above an amount.

How a rule comes to count is the same as elsewhere: ``veche.protocol.guardians``. Source: design of
Veche, safety §2 F8, payments §8.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.amounts.core.order import OrderProblem, read_amount
from veche.protocol.guardians import GuardProblem, is_off, needs_fewer, read_named
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

DUE_MS: Final = 86_400_000
"""How long guardians have for a payment."""
_ABOVE: Final = frozenset({"above", "over", "свыше", "über", "ab", "понад"})


@attrs.frozen
class GuardOrder:
    """A rule as somebody wants it.

    Attributes:
        guardians: As they were typed; empty: no guardians any more.
        needed: How many have to approve.
        above: Above which amount.
    """

    guardians: tuple[str, ...]
    needed: int
    above: Money


@attrs.frozen
class GuardTerms:
    """The terms of a rule.

    Attributes:
        guardians: Numbers of the holders; empty: nobody.
        needed: How many of them have to approve.
        above_minor: Above which amount.
    """

    guardians: frozenset[int]
    needed: int
    above_minor: int


def is_weaker(new: GuardTerms, old: GuardTerms) -> bool:
    """Return whether a rule lets anything through that the one before it would have stopped.

    It does if its amount is higher, somebody of before is not a guardian any more, or as many as
    it needs could be found with too few of those of before among them.

    Args:
        new: What is wanted.
        old: What counts; nobody has to approve by one without guardians.
    """
    if not old.guardians:
        return False
    is_higher = new.above_minor > old.above_minor
    return is_higher or needs_fewer(new.guardians, new.needed, old.guardians, old.needed)


def read_guards(typed: str, currencies: Sequence[str]) -> GuardOrder | GuardProblem | OrderProblem:
    """The rule that a person typed: "@bob @carol 2 of 2 above 200 EUR", "off".

    How many have to approve may be left out: all of them.
    """
    words = typed.split()
    if words and is_off(words[0]):
        return _off(words[1:], currencies)
    above = next((n for n, word in enumerate(words) if word.casefold() in _ABOVE), None)
    if above is None:
        return GuardProblem.USAGE
    read = read_amount(words[above + 1 :], currencies)
    if isinstance(read, OrderProblem):
        return read
    amount, more = read
    named = read_named(words[:above])
    if more:
        return GuardProblem.USAGE
    if isinstance(named, GuardProblem):
        return named
    return GuardOrder(named.guardians, named.needed, amount)


def _off(words: Sequence[str], currencies: Sequence[str]) -> GuardOrder | GuardProblem:
    """No guardians any more, of the currency that is named where there are several."""
    named = [word.upper() for word in words] or list(currencies)
    if len(named) != 1 or named[0] not in currencies:
        return GuardProblem.USAGE
    return GuardOrder((), 0, Money(minor=0, currency=named[0]))
