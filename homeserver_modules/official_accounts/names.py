"""Say where the protected names come from: a narrow port, filled by the configuration today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence


@attrs.frozen
class ProtectedName:
    """A name that only its organisation may use.

    Attributes:
        name: As the organisation writes it.
        accounts: Matrix user ids that may be called so.
        appeal: Where somebody who is called so too may appeal: an address or a sentence.
    """

    name: str
    accounts: frozenset[str]
    appeal: str


class ProtectedNames(Protocol):
    """Whoever knows which names are protected now."""

    def current(self) -> Sequence[ProtectedName]:
        """Return them; the same object as long as nothing changes."""


@attrs.frozen
class FixedNames:
    """The names of a list that does not change while the homeserver runs."""

    names: Sequence[ProtectedName]

    def current(self) -> Sequence[ProtectedName]:
        """Return the list."""
        return self.names
