"""Several directories that somebody trusts, in the order of their trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from veche.contracts.directory.snapshot import Organisation, ProtectedName, Snapshot


@attrs.frozen
class Conflict:
    """Something that two directories say of two organisations: operators of both have to look.

    Attributes:
        what: ``organisation``, ``domain`` or ``account``.
        value: Which.
        directories: Both, the one that counts first.
    """

    what: str
    value: str
    directories: tuple[str, str]


@attrs.frozen
class Trusted:
    """The combined state of several directories; the first that knows something is believed.

    Attributes:
        snapshots: In the order of trust.
    """

    snapshots: Sequence[Snapshot]

    def owner_of(self, account: str) -> tuple[Snapshot, Organisation] | None:
        """Return the owner of an account, official or not, and the directory that names it."""
        for one in self.snapshots:
            if (owner := one.owner_of(account)) is not None:
                return one, owner
        return None

    @property
    def protected_names(self) -> Sequence[ProtectedName]:
        """The names that only some may bear, of all directories."""
        return [name for one in self.snapshots for name in one.protected_names]

    @property
    def conflicts(self) -> Sequence[Conflict]:
        """Conflicts between directories about two organisations."""
        kinds: Mapping[str, Callable[[Organisation], Sequence[str]]] = {
            "organisation": lambda one: [one.id],
            "domain": lambda one: [one.said.domain],
            "account": lambda one: sorted(one.accounts),
        }
        found = []
        for what, values_of in kinds.items():
            first: dict[str, str] = {}
            for snapshot in self.snapshots:
                living = [one for one in snapshot.organisations.values() if one.ended is None]
                values = [value for one in living for value in values_of(one)]
                for value in values:
                    before = first.setdefault(value, snapshot.directory)
                    if before != snapshot.directory:
                        found.append(Conflict(what, value, (before, snapshot.directory)))
        return found
