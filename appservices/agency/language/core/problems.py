"""Problems in a service file: where, what, and what would be right; all of them at once."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

PROBLEMS_MAX: Final = 100
"""Problems told of one file; further ones wait until these are corrected."""


@attrs.frozen(order=True)
class Place:
    """A character of a file.

    Attributes:
        line: From 1.
        column: From 1, in characters.
    """

    line: int
    column: int


@attrs.frozen
class Problem:
    """One thing that is wrong.

    Attributes:
        place: Where it stands.
        path: Name of the value, as ``review.decisions[1]``; empty for the whole file.
        wrong: What is wrong, without its value where that may be private.
        right: What would be right.
    """

    place: Place
    path: str
    wrong: str
    right: str

    def __str__(self) -> str:
        where = f"line {self.place.line}, column {self.place.column}"
        return f"{where}: {self.path or 'the file'}: {self.wrong}; {self.right}"


class ServiceFileError(ConfigError):
    """A service file is wrong.

    Attributes:
        problems: In the order of the file, at least one, at most ``PROBLEMS_MAX``.
    """

    errcode = "ORG.VECHE.SERVICE_FILE"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Problems:
    """Collects what is wrong while a file is read."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, place: Place, path: str, wrong: str, right: str) -> None:
        """Note a problem."""
        self._found.append(Problem(place, path, wrong, right))

    def __len__(self) -> int:
        return len(self._found)

    def raise_if_any(self) -> None:
        """End the reading if anything was wrong.

        Raises:
            ServiceFileError: Something was.
        """
        if self._found:
            ordered = sorted(self._found, key=lambda problem: problem.place)
            raise ServiceFileError(tuple(ordered[:PROBLEMS_MAX]))


def one_of(words: Iterable[str]) -> str:
    """The words as a choice for a reader: ``a, b or c``."""
    listed = list(words)
    if len(listed) < 2:  # noqa: PLR2004 -- one word needs no "or"
        return "".join(listed)
    return f"{', '.join(listed[:-1])} or {listed[-1]}"


def nearest(word: str, words: Iterable[str]) -> str:
    """Suggest the nearest of ``words`` instead of ``word``, or all of them."""
    listed = list(words)
    near = difflib.get_close_matches(word, listed, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"use {one_of(listed)}" if listed else "leave it out"
