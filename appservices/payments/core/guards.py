"""Guardians: persons whom a payer chose, some of whom have to approve payments above an amount.

A rule is never changed: another takes its place. One that asks for as much, or more, counts at
once; one that asks for less counts a day later, and the guardians are told. So whoever hurries a
person gains nothing by having the rule changed. Source: design of Veche, safety §2 F8, payments
§8.1.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.core.order import OrderProblem, read_amount
from veche.protocol.money import Money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GUARDIANS_MAX: Final = 5
ACCEPT_MS: Final = 7 * 86_400_000
"""How long somebody may think about being a guardian."""
DUE_MS: Final = 86_400_000
"""How long guardians have for a payment."""
_OFF: Final = frozenset({"off", "нет", "aus", "немає"})
_ABOVE: Final = frozenset({"above", "over", "свыше", "über", "ab", "понад"})
_OF: Final = frozenset({"of", "из", "von", "з", "із"})
_NUMBER: Final = re.compile(r"[0-9]{1,2}")
_SHARE_WORDS: Final = 3
"""Words of "2 of 3"."""


class RuleState(enum.Enum):
    """Where a rule has got to."""

    PROPOSED = "proposed"
    """The payer is asked for their key's approval."""
    ASKED = "asked"
    """The guardians are asked whether they accept."""
    WAITING = "waiting"
    """It asks for less than the one that counts, so it counts later."""
    ACTIVE = "active"
    ENDED = "ended"


class RuleInput(enum.Enum):
    """What happens to a rule."""

    APPROVE = "approve"
    READY = "ready"
    """All accepted, and it is not weaker than what counts."""
    LATER = "later"
    """All accepted, and it is weaker."""
    TIME = "time"
    END = "end"
    """The payer does not want it, a guardian does not, or another takes its place."""


RULE_TABLE: Final[Mapping[tuple[RuleState, RuleInput], RuleState]] = {
    (RuleState.PROPOSED, RuleInput.APPROVE): RuleState.ASKED,
    (RuleState.PROPOSED, RuleInput.END): RuleState.ENDED,
    (RuleState.ASKED, RuleInput.READY): RuleState.ACTIVE,
    (RuleState.ASKED, RuleInput.LATER): RuleState.WAITING,
    (RuleState.ASKED, RuleInput.END): RuleState.ENDED,
    (RuleState.WAITING, RuleInput.TIME): RuleState.ACTIVE,
    (RuleState.WAITING, RuleInput.END): RuleState.ENDED,
    (RuleState.ACTIVE, RuleInput.END): RuleState.ENDED,
}
"""Whatever is not in it is refused and changes nothing."""


class GuardProblem(enum.Enum):
    """What is wrong with a rule that somebody typed; its text is in ``texts``."""

    USAGE = "usage"
    TOO_MANY = "too_many"
    TWICE = "twice"
    BAD_SHARE = "bad_share"
    """Not "2 of 3" with as many persons, or none of them."""


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
    """What a rule asks for.

    Attributes:
        guardians: Numbers of the holders; empty: nobody.
        needed: How many of them have to approve.
        above_minor: Above which amount.
    """

    guardians: frozenset[int]
    needed: int
    above_minor: int


class Standing(enum.Enum):
    """What a guardian is to a payment."""

    SILENT = "silent"
    YES = "yes"
    NO = "no"
    GONE = "gone"
    """Left: no chat any more, closed, or another identity. What they say does not count."""


@attrs.frozen
class Tally:
    """How the guardians of a payment stand.

    Attributes:
        needed: How many have to approve.
        yes: Who approved.
        no: Who refused.
        silent: Who said nothing yet.
        gone: Who left.
    """

    needed: int
    yes: int
    no: int
    silent: int
    gone: int

    @property
    def is_approved(self) -> bool:
        """Enough approved."""
        return self.yes >= self.needed

    @property
    def is_lost(self) -> bool:
        """So many refused or left that it can never be approved."""
        return self.yes + self.silent < self.needed


def step_rule(state: RuleState, heard: RuleInput) -> RuleState | None:
    """The next state; None where the table has no such step."""
    return RULE_TABLE.get((state, heard))


def is_weaker(new: GuardTerms, old: GuardTerms) -> bool:
    """Whether a rule lets anything through that the one before it would have stopped.

    It does if its amount is higher, somebody of before is not a guardian any more, or as many as
    it needs could be found with too few of those of before among them.

    Args:
        new: What is wanted.
        old: What counts; nobody has to approve by one without guardians.
    """
    if not old.guardians:
        return False
    strangers = len(new.guardians - old.guardians)
    return (
        new.above_minor > old.above_minor
        or not old.guardians <= new.guardians
        or new.needed - strangers < old.needed
    )


def tally(standings: Sequence[Standing], needed: int) -> Tally:
    """How the guardians of a payment stand, from each one's standing."""
    return Tally(needed, *(standings.count(one) for one in _COUNTED))


_COUNTED: Final = (Standing.YES, Standing.NO, Standing.SILENT, Standing.GONE)


def read_guards(typed: str, currencies: Sequence[str]) -> GuardOrder | GuardProblem | OrderProblem:
    """The rule that a person typed: "@bob @carol 2 of 2 above 200 EUR", "off".

    How many have to approve may be left out: all of them.
    """
    words = typed.split()
    if words and words[0].casefold() in _OFF:
        return _off(words[1:], currencies)
    above = next((n for n, word in enumerate(words) if word.casefold() in _ABOVE), None)
    if above is None:
        return GuardProblem.USAGE
    read = read_amount(words[above + 1 :], currencies)
    if isinstance(read, OrderProblem):
        return read
    amount, more = read
    persons, share = _split(words[:above])
    if more or not persons:
        return GuardProblem.USAGE
    problem = _problem(persons, share)
    if problem is not None:
        return problem
    return GuardOrder(tuple(persons), share[0] if share else len(persons), amount)


def _off(words: Sequence[str], currencies: Sequence[str]) -> GuardOrder | GuardProblem:
    """No guardians any more, of the currency that is named where there are several."""
    named = [word.upper() for word in words] or list(currencies)
    if len(named) != 1 or named[0] not in currencies:
        return GuardProblem.USAGE
    return GuardOrder((), 0, Money(minor=0, currency=named[0]))


def _split(words: Sequence[str]) -> tuple[list[str], tuple[int, int] | None]:
    """The persons, and "2 of 3" behind them."""
    last = words[-_SHARE_WORDS:]
    is_share = (
        len(last) == _SHARE_WORDS
        and last[1].casefold() in _OF
        and all(_NUMBER.fullmatch(one) for one in (last[0], last[2]))
    )
    if not is_share:
        return list(words), None
    return list(words[:-_SHARE_WORDS]), (int(last[0]), int(last[2]))


def _problem(persons: Sequence[str], share: tuple[int, int] | None) -> GuardProblem | None:
    if len(persons) > GUARDIANS_MAX:
        return GuardProblem.TOO_MANY
    if len({one.removeprefix("@").casefold() for one in persons}) < len(persons):
        return GuardProblem.TWICE
    if share is not None and (share[1] != len(persons) or not 1 <= share[0] <= share[1]):
        return GuardProblem.BAD_SHARE
    return None
