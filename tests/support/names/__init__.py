"""Names for the name guard: protected ones, imitations of them by kind, and honest people's.

A set is made by one author. ``tuned`` says whether the guard's words and bounds were chosen with it
in view: what is promised is measured on the sets that were not. To add a set, write a module beside
``first.py`` and put its ``SET`` into ``SETS``; tests and ``./run bench modules`` take all of them.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from tests.support.names import first, second

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SEED: Final = 20
"""So that each run has the same names."""


class Imitation(NamedTuple):
    """What an impostor would like to be called."""

    kind: str
    """What was done to the name: "invisible", "slip"."""
    protected: str
    shown: str


class NameSet(Protocol):
    """What an author of names brings."""

    tuned: bool

    def protected(self) -> Sequence[str]:
        """Return names of offices, banks and so on, in several languages."""

    def imitations(self, chance: random.Random) -> Iterator[tuple[str, str, str]]:
        """Yield kind, protected name and what is shown: some of each kind for each name."""

    def honest(self, chance: random.Random, count: int) -> Iterator[str]:
        """Yield names of persons and firms that imitate nobody."""


SETS: Final[Mapping[str, NameSet]] = {"first": first.SET, "second": second.SET}


def imitations(names: NameSet) -> Iterator[Imitation]:
    """Yield a set's imitations that differ from the name itself."""
    chance = random.Random(SEED)  # noqa: S311 -- the same names each time
    for kind, protected, shown in names.imitations(chance):
        if shown != protected:
            yield Imitation(kind, protected, shown)
