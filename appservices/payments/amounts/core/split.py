"""Splitting an amount among several: by fractions, fixed amounts and a rest, to the last unit.

Data, not a language. Each fraction is rounded down; the units that remain are given one by one to
the fractions in the order in which they stand: 15 over 80%, 8%, 12% is 13, 1, 1. Source: design of
Veche, payments §8.5; compared with what Numscript documents in public.
"""

from __future__ import annotations

import enum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PARTS_MAX: Final = 50
DEPTH_MAX: Final = 4
PARTS_OVER_MAX: Final = 10_000
"""Largest denominator of a fraction: hundredths of a percent."""


class SplitProblem(enum.Enum):
    """A problem with a split."""

    PARTS = "parts"
    """There are none, or too many."""
    DEPTH = "depth"
    SHARES = "shares"
    """Without a rest the fractions do not add up to one, or there are two rests."""
    TOO_LITTLE = "too_little"
    """The fixed amounts are more than there is, or a least part is not reached."""
    REMAINS = "remains"
    """A cap leaves something over, and there is no rest to take it."""


class SplitError(RefusedError):
    """An amount cannot be split so; nothing has changed (HTTP 409).

    Attributes:
        problem: Why.
    """

    errcode = "ORG.VECHE.SPLIT_REFUSED"

    def __init__(self, problem: SplitProblem) -> None:
        super().__init__(f"the amount cannot be split so: {problem.value}")
        self.problem = problem

    @property
    def details(self) -> Mapping[str, object]:
        """Fields on which a program acts."""
        return {"reason": self.problem.value}


@attrs.frozen
class Rest:
    """The rest that the others leave."""


Share = Fraction | int | Rest
"""A part of what the fixed amounts leave, a fixed amount in minor units, or the rest."""


@attrs.frozen
class Part:
    """One part of a split.

    Attributes:
        to: Who gets it, or a split of it.
        share: How much; a fraction between 0 and 1, an amount of at least 0.
        max_minor: Most of it; what is over goes to the rest.
        min_minor: Least of it, else the split is refused.
    """

    to: str | Split
    share: Share
    max_minor: int | None = None
    min_minor: int = 0


@attrs.frozen
class Split:
    """How an amount is split; see ``check``."""

    parts: tuple[Part, ...]


def check(split: Split, depth: int = 1) -> None:
    """See whether a split is well formed, whatever the amount.

    Raises:
        SplitError: It has no parts or over ``PARTS_MAX`` in all its depth, is nested deeper than
            ``DEPTH_MAX``, has two rests, or has none and fractions that are not one.
    """
    if depth > DEPTH_MAX:
        raise SplitError(SplitProblem.DEPTH)
    if depth == 1 and count_parts(split) > PARTS_MAX:
        raise SplitError(SplitProblem.PARTS)
    if not split.parts:
        raise SplitError(SplitProblem.PARTS)
    rests = sum(isinstance(part.share, Rest) for part in split.parts)
    fractions = [part.share for part in split.parts if isinstance(part.share, Fraction)]
    whole = sum(fractions, Fraction(0))
    is_whole = whole <= 1 if rests else whole == 1
    is_sound = all(0 <= one <= 1 and one.denominator <= PARTS_OVER_MAX for one in fractions)
    if rests > 1 or not is_sound or not is_whole:
        raise SplitError(SplitProblem.SHARES)
    for part in split.parts:
        if isinstance(part.to, Split):
            check(part.to, depth + 1)


def count_parts(split: Split) -> int:
    """The parts of a split in all its depth."""
    return sum(1 + (count_parts(p.to) if isinstance(p.to, Split) else 0) for p in split.parts)


def divide(total_minor: int, split: Split) -> list[tuple[str, int]]:
    """Divide a total, in the order of the split; the sum of the parts is the total.

    Args:
        total_minor: At least 0.
        split: One that ``check`` lets pass.

    Raises:
        SplitError: There is too little for it, or something remains that nobody gets.
    """
    amounts = _amounts(total_minor, split.parts)
    found: list[tuple[str, int]] = []
    for part, minor in zip(split.parts, amounts, strict=True):
        found += divide(minor, part.to) if isinstance(part.to, Split) else [(part.to, minor)]
    return found


def _amounts(total_minor: int, parts: Sequence[Part]) -> list[int]:
    fixed = sum(part.share for part in parts if isinstance(part.share, int))
    left_minor = total_minor - fixed
    if left_minor < 0:
        raise SplitError(SplitProblem.TOO_LITTLE)
    amounts = [_rounded_down(part.share, left_minor) for part in parts]
    has_rest = any(isinstance(part.share, Rest) for part in parts)
    if not has_rest:
        _hand_out(amounts, parts, total_minor - sum(amounts))
    amounts = [
        minor if part.max_minor is None else min(minor, part.max_minor)
        for part, minor in zip(parts, amounts, strict=True)
    ]
    over_minor = total_minor - sum(amounts)
    if over_minor and not has_rest:
        raise SplitError(SplitProblem.REMAINS)
    amounts = [
        over_minor if isinstance(part.share, Rest) else minor
        for part, minor in zip(parts, amounts, strict=True)
    ]
    for part, minor in zip(parts, amounts, strict=True):
        if minor < part.min_minor:
            raise SplitError(SplitProblem.TOO_LITTLE)
        if part.max_minor is not None and minor > part.max_minor:
            raise SplitError(SplitProblem.REMAINS)
    return amounts


def _rounded_down(share: Share, left_minor: int) -> int:
    match share:
        case Rest():
            return 0
        case Fraction():
            return left_minor * share.numerator // share.denominator
        case _:
            return share


def _hand_out(amounts: list[int], parts: Sequence[Part], units: int) -> None:
    """Give the units that rounding left to the fractions, one each, in their order."""
    for place, part in enumerate(parts):
        if units and isinstance(part.share, Fraction):
            amounts[place] += 1
            units -= 1
