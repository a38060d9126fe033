"""Guardians of signatures: persons, some of whom have to agree before somebody's signature counts.

How a rule comes to count is the same as elsewhere: ``veche.protocol.guardians``. Source:
features of Veche, H2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from veche.protocol.guardians import Guardian, GuardProblem, Named, is_off, needs_fewer, read_named

if TYPE_CHECKING:
    from veche.protocol.ids import UserId


@attrs.frozen
class RuleView:
    """A rule with its names.

    Attributes:
        owner: Whose signatures are guarded.
        guardians: In their order; empty: nobody any more.
        needed: How many of them have to agree.
        counts_from_ms: UTC, where it waits; None: it does not.
    """

    owner: Guardian
    guardians: tuple[Guardian, ...]
    needed: int
    counts_from_ms: int | None = None

    @property
    def persons(self) -> frozenset[UserId]:
        """Accounts of the guardians."""
        return frozenset(one.person for one in self.guardians)


def is_weaker(new: RuleView, old: RuleView) -> bool:
    """Return whether a rule lets anything through that the one before it would have stopped."""
    return needs_fewer(new.persons, new.needed, old.persons, old.needed)


def read_guards(typed: str) -> Named | GuardProblem:
    """The rule that a person typed: "@bob @carol 2 of 2"; "off": nobody."""
    words = typed.split()
    if len(words) == 1 and is_off(words[0]):
        return Named((), 0)
    return read_named(words)
