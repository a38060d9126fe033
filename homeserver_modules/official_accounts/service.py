"""Judge names by the protected ones, as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeserver_modules.official_accounts.core.guard import NameGuard
from homeserver_modules.official_accounts.core.verdict import (
    OUTCOMES,
    NameProtectedError,
    Outcome,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeserver_modules.official_accounts.core.guard import Match
    from homeserver_modules.official_accounts.core.letters import Letters
    from homeserver_modules.official_accounts.names import ProtectedName, ProtectedNames


class Judge:
    """Compares names with the protected ones; the index is built anew when these change."""

    def __init__(
        self, names: ProtectedNames, allowed: Iterable[tuple[str, str]], letters: Letters
    ) -> None:
        """Build the first index.

        Args:
            names: The protected names.
            allowed: Account and name of each appeal that was won.
            letters: The foldings.
        """
        self._names = names
        self._letters = letters
        self._allowed = frozenset((account, _key(name)) for account, name in allowed)
        self._built: object = None
        self._guard = self._current()

    def judge(self, name: str, account: str, *, is_local: bool) -> tuple[Outcome, Match] | None:
        """Return what becomes of a name and why; None if it is like no protected one.

        Args:
            name: Of a person or room.
            account: Matrix user id of who is called so, or calls a room so.
            is_local: Whether the account is of this server.

        Raises:
            NameProtectedError: It is refused.
        """
        match = self._current().check(name, account)
        if match is None or (account, _key(name)) in self._allowed:
            return None
        outcome = OUTCOMES[match.rule, is_local]
        if outcome is Outcome.REFUSED:
            raise NameProtectedError(match)
        return outcome, match

    def _current(self) -> NameGuard:
        names: Iterable[ProtectedName] = self._names.current()
        if names is not self._built:
            self._guard = NameGuard(names, self._letters)
            self._built = names
        return self._guard


def _key(name: str) -> str:
    return " ".join(name.casefold().split())
