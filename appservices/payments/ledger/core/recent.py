"""Which ids the ledger may have already: nearly every new one is known to be new without asking.

Ids begin with the time at which they were made, and one writer alone records them. So whatever is
above the newest id that was there as it began, and was not recorded by it since, is not there. It
does not remember every id since: as the oldest are forgotten, the mark goes up to the highest of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

RECENT_MAX: Final = 50_000
"""After how many ids the ones before them are forgotten: some seconds under the heaviest load."""


class Recent:
    """One writer's knowledge of the ids of its shard."""

    def __init__(self, mark: str) -> None:
        """Begin to remember.

        Args:
            mark: No id above it is recorded yet; ``ID_MAX`` if nothing is known.
        """
        self._mark = mark
        self._newer: set[str] = set()
        self._older: set[str] = set()

    def add(self, ids: Iterable[str]) -> None:
        """These are recorded now."""
        self._newer.update(ids)
        if len(self._newer) >= RECENT_MAX:
            self._mark = max([self._mark, *self._older])
            self._older, self._newer = self._newer, set()

    def may_have(self, id_: str) -> bool:
        """Return whether an id may be recorded: it has to be looked up."""
        return id_ <= self._mark or id_ in self._newer or id_ in self._older
