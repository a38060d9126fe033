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
    from veche.contracts.directory.snapshot import ProtectedName


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
