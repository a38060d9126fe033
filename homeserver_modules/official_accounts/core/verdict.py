"""Decide what becomes of a name that is like a protected one, and say so to who wants it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from homeserver_modules.official_accounts.core.guard import Rule
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeserver_modules.official_accounts.core.guard import Match


class Outcome(Enum):
    """What becomes of a name."""

    REFUSED = "refused"
    WARNED = "warned"
    """It passes, and whoever meets it should be told that this is not the office."""
    PASSED = "passed"
    """It passes, and is counted."""


OUTCOMES: Final[Mapping[tuple[Rule, bool], Outcome]] = {
    (Rule.SAME, True): Outcome.REFUSED,
    (Rule.CONTAINS, True): Outcome.REFUSED,
    (Rule.NEAR, True): Outcome.REFUSED,
    (Rule.INSIDE, True): Outcome.PASSED,
    (Rule.SAME, False): Outcome.REFUSED,
    (Rule.CONTAINS, False): Outcome.REFUSED,
    (Rule.NEAR, False): Outcome.WARNED,
    (Rule.INSIDE, False): Outcome.WARNED,
}
"""By rule, and whether the account is of this server: only its own can be told, and appeal."""

_SAID: Final[Mapping[Rule, str]] = {
    Rule.SAME: "looks the same as",
    Rule.CONTAINS: "contains",
    Rule.NEAR: "is one slip away from",
    Rule.INSIDE: "has the letters of",
}


class NameProtectedError(RefusedError):
    """A name is too much like an official one; only the official accounts may use it (HTTP 403).

    Attributes:
        match: What it is like, and by which rule.
    """

    errcode = "ORG.VECHE.NAME_PROTECTED"

    def __init__(self, match: Match) -> None:
        name, appeal = match.protected.name, match.protected.appeal
        super().__init__(
            f"This name {_SAID[match.rule]} “{name}”, which only official accounts may use. Choose"
            f" another name, or appeal: {appeal}"
        )
        self.match = match

    @property
    def details(self) -> Mapping[str, object]:
        """The rule and where to appeal, for programs."""
        rule, protected = self.match
        return {"org.veche.reason": f"NAME_{rule.name}", "org.veche.appeal": protected.appeal}
