"""Judge names by the protected ones, as they are now, and say so to who wants a name."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from homeserver_modules.official_accounts.core.guard import NameGuard, Rule
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeserver_modules.official_accounts.core.guard import Match
    from homeserver_modules.official_accounts.core.letters import Letters
    from veche.contracts.directory.snapshot import ProtectedName


class Outcome(Enum):
    """The outcome for a name."""

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


class Judge:
    """Compares names with the protected ones."""

    def __init__(
        self, names: Iterable[ProtectedName], allowed: Iterable[tuple[str, str]], letters: Letters
    ) -> None:
        """Build the first index.

        Args:
            names: The protected names; see ``protect``.
            allowed: Account and name of each appeal that was won.
            letters: The foldings.
        """
        self._letters = letters
        self._allowed = frozenset((account, _key(name)) for account, name in allowed)
        self.protect(names)

    def protect(self, names: Iterable[ProtectedName]) -> None:
        """Protect these names from now on; may run in a thread, since an index takes a while."""
        self._guard = NameGuard(names, self._letters)

    def judge(self, name: str, account: str, *, is_local: bool) -> tuple[Outcome, Match] | None:
        """Return what becomes of a name and why; None if it is like no protected one.

        Args:
            name: Of a person or room.
            account: Matrix user id of who is called so, or calls a room so.
            is_local: Whether the account is of this server.

        Raises:
            NameProtectedError: It is refused.
        """
        match = self._guard.check(name, account)
        if match is None or (account, _key(name)) in self._allowed:
            return None
        outcome = OUTCOMES[match.rule, is_local]
        if outcome is Outcome.REFUSED:
            raise NameProtectedError(match)
        return outcome, match


def _key(name: str) -> str:
    return " ".join(name.casefold().split())
