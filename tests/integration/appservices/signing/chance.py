"""Stories by chance: steps of a site in any order, what is next more often than the others."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STEPS: Final = 14
_IMPOSSIBLE: Final = (AssertionError, IndexError, KeyError, TypeError, AttributeError, ValueError)
"""What a page or a person of a test raises who cannot do a step now."""


class Story(ABC):
    """What one site goes through; a method whose name begins with ``do_`` is a step.

    Attributes:
        chance: By a seed.
        told: What was done, and what came of it.
    """

    apt_share: ClassVar[float] = 0.7
    """Of the steps that are what would be next."""
    cannot: ClassVar[tuple[type[Exception], ...]] = ()
    """What else is raised by a step that cannot be done now."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 -- no secret
        self.told: list[str] = []

    async def go(self) -> None:
        """Do all steps, and look at what came of each."""
        steps: dict[str, Callable[[], Awaitable[Any]]] = {
            name.removeprefix("do_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("do_")
        }
        impossible: tuple[type[Exception], ...] = (*_IMPOSSIBLE, *self.cannot)
        for _ in range(STEPS):
            is_apt = self.chance.random() < self.apt_share
            name = self.apt() if is_apt else self.chance.choice(sorted(steps))
            before = self.states()
            try:
                found = await steps[name]()
            except impossible as e:
                found = f"not now: {e!r}"[:120]
            self.told.append(f"{name}: {getattr(found, 'status', found)}")
            await self.check(name, found, before)

    @abstractmethod
    def apt(self) -> str:
        """What would be next if nothing came between."""

    @abstractmethod
    def states(self) -> dict[str, str]:
        """Where each of the parties stands."""

    @abstractmethod
    async def check(self, name: str, found: Any, before: dict[str, str]) -> None:
        """Fail if what came of a step must not be."""
