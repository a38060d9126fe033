"""A few values of each name that stand for all of them, as far as the conditions can tell.

Conditions compare names only with values that stand in the file and with each other, so what is
not one of these values, nor just beside one, behaves like a value that is.
"""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
import math
from typing import TYPE_CHECKING, Final

from appservices.agency.language.core.conditions import Condition, Kind, Named
from appservices.agency.language.core.conditions.judge import (
    Equal,
    Every,
    Less,
    Literal,
    Member,
    Name,
    Not,
    Some,
    operands_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from appservices.agency.language.core.conditions.values import Comparable

LISTED_CHOICES_MAX: Final = 6
"""Most choices of one list that conditions may look for: each doubles the combinations."""

_OTHERS: Final = ("another text", "yet another text")
_STEPS: Final = (decimal.Decimal("0.25"), decimal.Decimal("0.5"))


def named_in(conditions: Iterable[Condition]) -> dict[str, Named]:
    """Every name that the conditions depend on."""
    return {
        operand.name: operand.named
        for condition in conditions
        for operand in operands_of(condition)
        if isinstance(operand, Name)
    }


def samples_of(conditions: Sequence[Condition]) -> dict[str, tuple[object, ...]]:
    """For each name in the conditions the values to try; the first is None, "not given"."""
    names = named_in(conditions)
    literals: dict[str, set[Comparable]] = {name: set() for name in names}
    peers: dict[str, set[str]] = {name: {name} for name in names}
    for condition in conditions:
        for left, right in _pairs(condition):
            for this, other in ((left, right), (right, left)):
                if isinstance(this, Name) and isinstance(other, Name):
                    peers[this.name].add(other.name)
                elif isinstance(this, Name) and isinstance(other, Literal) and other.value:
                    literals[this.name].add(other.value)
    _share(literals, peers)
    return {
        name: (None, *_values(named, literals[name], has_peers=len(peers[name]) > 1))
        for name, named in names.items()
    }


def _pairs(condition: Condition) -> Iterator[tuple[object, object]]:
    match condition:
        case Equal(left=left, right=right) | Less(left=left, right=right):
            yield left, right
        case Member(item=item, choices=choices):
            yield item, choices
        case Not(part=part):
            yield from _pairs(part)
        case Every(parts=parts) | Some(parts=parts):
            for part in parts:
                yield from _pairs(part)
        case _:
            return


def _share(literals: dict[str, set[Comparable]], peers: Mapping[str, set[str]]) -> None:
    """Names that are compared with each other are tried with each other's values too."""
    for _ in literals:
        for name, others in peers.items():
            for other in others:
                literals[name] |= literals[other]


def _values(  # noqa: PLR0911 -- one a kind
    named: Named, literals: set[Comparable], *, has_peers: bool
) -> Sequence[object]:
    match named.kind:
        case Kind.TRUTH:
            return (True, False)
        case Kind.TEXT:
            return (*sorted(map(str, literals)), *_OTHERS[: 1 + has_peers])
        case Kind.CHOICE:
            return _choices(named, literals, has_peers=has_peers)
        case Kind.CHOICES:
            return _lists(named, literals, has_peers=has_peers)
        case Kind.NUMBER:
            return _numbers(named, literals, has_peers=has_peers)
        case Kind.DATE:
            return _dates(literals, has_peers=has_peers)
        case Kind.MONEY:
            return _amounts(literals, has_peers=has_peers)
        case Kind.OPAQUE:
            return (True,)


def _choices(named: Named, literals: set[Comparable], *, has_peers: bool) -> Sequence[object]:
    looked_for = [choice for choice in named.choices if choice in literals]
    others = [choice for choice in named.choices if choice not in literals]
    return (*looked_for, *others[: 1 + has_peers])


def _lists(named: Named, literals: set[Comparable], *, has_peers: bool) -> Sequence[object]:
    looked_for = [choice for choice in named.choices if has_peers or choice in literals]
    others = [choice for choice in named.choices if choice not in looked_for][:1]
    looked_for = looked_for[:LISTED_CHOICES_MAX]
    sizes = range(1, len(looked_for) + 1)
    subsets = itertools.chain.from_iterable(
        itertools.combinations(looked_for, size) for size in sizes
    )
    return (*map(list, subsets), *([others] if others else []))


def _numbers(named: Named, literals: set[Comparable], *, has_peers: bool) -> Sequence[object]:
    points = {v for v in literals if isinstance(v, decimal.Decimal)} or {decimal.Decimal(0)}
    if named.is_whole:
        reach = 2 if has_peers else 1
        whole = {math.floor(point) for point in points} | {math.ceil(point) for point in points}
        return sorted({n + shift for n in whole for shift in range(-reach, reach + 1)})
    steps = _STEPS if has_peers else _STEPS[:1]
    around = {point + sign * step for point in points for step in steps for sign in (-1, 1)}
    return tuple(str(number) for number in sorted(points | around))


def _dates(literals: set[Comparable], *, has_peers: bool) -> Sequence[object]:
    points = {dt.date.fromisoformat(v) for v in literals if isinstance(v, str)}
    days = {day.toordinal() for day in points} or {dt.date(2000, 1, 1).toordinal()}
    steps = (1, 2) if has_peers else (1,)
    around = days | {day + sign * step for day in days for step in steps for sign in (-1, 1)}
    valid = sorted(day for day in around if 1 <= day <= dt.date.max.toordinal())
    return tuple(dt.date.fromordinal(day).isoformat() for day in valid)


def _amounts(literals: set[Comparable], *, has_peers: bool) -> Sequence[object]:
    points = {v for v in literals if isinstance(v, tuple)} or {("EUR", 0)}
    steps = (1, 2) if has_peers else (1,)
    around = {
        (currency, minor + sign * step)
        for currency, minor in points
        for step in steps
        for sign in (-1, 1)
    }
    other = ("XTS", 0)
    return tuple(
        {"currency": currency, "minor": minor}
        for currency, minor in (*sorted(points | around), other)
    )
