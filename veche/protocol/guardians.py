"""Guardians: persons whom somebody chose, some of whom have to agree before a thing is done.

What is the same wherever there are guardians: how a rule comes to count, what asks for less, how
many said yes. A rule is never changed: another takes its place. One that asks for as much, or more,
counts at once; one that asks for less counts a day later, and the guardians are told. So whoever
hurries a person gains nothing by having the rule changed. Source: design of Veche, safety §2 F8.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from veche.protocol.ids import UserId

G = TypeVar("G", int, str)
GUARDIANS_MAX: Final = 5
ACCEPT_MS: Final = 7 * 86_400_000
"""How long somebody may think about being a guardian."""
ASKED_MS: Final = 15 * 60_000
"""How long somebody is asked whether to set a rule."""
WEAKER_MS: Final = 86_400_000
"""How much later a rule counts that asks for less; nothing shortens it."""
_OFF: Final = frozenset({"off", "нет", "aus", "немає"})
_OF: Final = frozenset({"of", "из", "von", "з", "із"})
_NUMBER: Final = re.compile(r"[0-9]{1,2}")
_SHARE_WORDS: Final = 3
"""Words of "2 of 3"."""


class RuleState(enum.Enum):
    """Where a rule has got to."""

    PROPOSED = "proposed"
    """Its owner is asked for their key's approval."""
    ASKED = "asked"
    """The guardians are asked whether they accept."""
    WAITING = "waiting"
    """It asks for less than the one that counts, so it counts later."""
    ACTIVE = "active"
    ENDED = "ended"


class RuleInput(enum.Enum):
    """An input to the state machine of a rule."""

    APPROVE = "approve"
    READY = "ready"
    """All accepted, and it is not weaker than what counts."""
    LATER = "later"
    """All accepted, and it is weaker."""
    TIME = "time"
    END = "end"
    """Its owner does not want it, a guardian does not, or another takes its place."""


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
    """A problem with a rule that somebody typed; its text is in ``texts``."""

    USAGE = "usage"
    TOO_MANY = "too_many"
    TWICE = "twice"
    BAD_SHARE = "bad_share"
    """Not "2 of 3" with as many persons, or none of them."""


class Standing(enum.Enum):
    """The relation of a guardian to the matter at hand."""

    SILENT = "silent"
    YES = "yes"
    NO = "no"
    GONE = "gone"
    """Left: no chat any more, closed, or another identity. What they say does not count."""


@attrs.frozen
class Guardian:
    """Somebody in a rule: a guardian, or whose rule it is.

    Attributes:
        person: Their account.
        name: What they are called.
    """

    person: UserId
    name: str


@attrs.frozen(kw_only=True)
class GuardRule:
    """A rule as it is kept.

    Attributes:
        id: ULID.
        state: How far it has got.
        needed: How many guardians have to agree; 0: there are none any more.
        sealed: Names, under the operator's key.
        approved_by: Nonce of the owner's approval; None: not yet.
        counts_from_ms: UTC, where it waits; None: it does not.
    """

    id: str
    state: RuleState
    needed: int
    sealed: bytes = attrs.field(repr=False)
    approved_by: str | None = None
    counts_from_ms: int | None = None


@attrs.frozen
class Named:
    """Guardians as somebody typed them.

    Attributes:
        guardians: As they were typed, in their order.
        needed: How many of them have to agree.
    """

    guardians: tuple[str, ...]
    needed: int


@attrs.frozen
class Tally:
    """How guardians stand.

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


def needs_fewer(new: frozenset[G], needed: int, old: frozenset[G], before: int) -> bool:
    """Return whether too few former guardians could suffice for an agreement.

    They could if somebody of before is not a guardian any more, or if strangers may take the place
    of those of before.

    Args:
        new: The guardians that are wanted.
        needed: How many of them.
        old: Those that count; nobody has to agree where there are none.
        before: How many of those.
    """
    if not old:
        return False
    strangers = len(new - old)
    return not old <= new or needed - strangers < before


def tally(standings: Sequence[Standing], needed: int) -> Tally:
    """How guardians stand, from each one's standing."""
    return Tally(needed, *(standings.count(one) for one in _COUNTED))


_COUNTED: Final = (Standing.YES, Standing.NO, Standing.SILENT, Standing.GONE)


def is_off(word: str) -> bool:
    """Return whether somebody wants no guardians any more."""
    return word.casefold() in _OFF


def read_named(words: Sequence[str]) -> Named | GuardProblem:
    """The guardians that a person typed: "@bob @carol 2 of 2"; all of them, if not how many."""
    persons, share = _split(words)
    if not persons:
        return GuardProblem.USAGE
    if len(persons) > GUARDIANS_MAX:
        return GuardProblem.TOO_MANY
    if len({one.removeprefix("@").casefold() for one in persons}) < len(persons):
        return GuardProblem.TWICE
    if share is not None and (share[1] != len(persons) or not 1 <= share[0] <= share[1]):
        return GuardProblem.BAD_SHARE
    return Named(tuple(persons), share[0] if share else len(persons))


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
