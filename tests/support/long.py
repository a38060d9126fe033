"""What only a long run does, `./run test --long`; an ordinary run keeps one of each kind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG: Final = "VECHE_LONG"
"""The environment variable by which `--long` reaches processes of tests, those of Node too."""
SEED: Final = "VECHE_SEED"
"""The environment variable that asks for one seed instead of many."""

_T = TypeVar("_T")


def is_long() -> bool:
    """Return whether this is a long run."""
    return os.environ.get(LONG) == "1"


def many(*, ordinary: int, long: int) -> int:
    """Return how many examples, seeds or seconds this run takes."""
    return long if is_long() else ordinary


def some(values: Sequence[_T], *, ordinary: int) -> list[_T]:
    """Choose what an ordinary run tests: so many of the values, evenly spread; a long run, all."""
    if is_long() or len(values) <= ordinary:
        return list(values)
    step = (len(values) - 1) / max(1, ordinary - 1)
    return [values[round(at * step)] for at in range(ordinary)]


def seeds(*, ordinary: int, long: int, first: int = 0) -> range:
    """Choose the seeds of this run: `VECHE_SEED=N` takes that one alone."""
    if (one := os.environ.get(SEED)) is not None:
        return range(int(one), int(one) + 1)
    return range(first, first + many(ordinary=ordinary, long=long))
