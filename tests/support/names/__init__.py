"""Names for the name guard: protected ones, imitations of them by kind, and honest people's.

A set is made by one author. ``tuned`` says whether the guard's words and bounds were chosen with it
in view: what is promised is measured on the sets that were not. To add a set, write a module beside
``first.py`` and put its ``SET`` into ``SETS``; tests and ``./run bench modules`` take all of them.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from homeserver_modules.official_accounts.core.letters import NAME_CHARS_MAX
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


def random_names(count: int) -> Iterator[str]:
    """Yield any characters, or pieces of protected names, which ask the most of a guard."""
    chance = random.Random(SEED)  # noqa: S311 -- the same names each time
    pieces = [
        piece for names in SETS.values() for one in names.protected() for piece in one.split()
    ]
    for _ in range(count):
        size = chance.choice((8, 32, NAME_CHARS_MAX)) if chance.random() < 0.01 else 16
        if chance.random() < 0.1:
            yield " ".join(chance.choice(pieces) for _ in range(size))[: 2 * NAME_CHARS_MAX]
            continue
        # A third of them in the first pages, where scripts are mixed; the others from all planes.
        top = chance.choice((0x500, 0x10000, 0x110000))
        yield "".join(chr(chance.randrange(top)) for _ in range(size))
