"""Conditions that were checked, and how they are judged: total, whatever the facts are.

A value that was not given equals nothing but ``none``, is in no list and is neither less nor
greater than anything; ``a != b`` is exactly ``not (a == b)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.agency.language.core.conditions.values import Comparable, Named, comparable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@attrs.frozen
class Name:
    """The value of a field or a fact."""

    name: str
    named: Named


@attrs.frozen
class Literal:
    """A value that stands in the condition; None is ``none``."""

    value: Comparable | None


Operand = Name | Literal


@attrs.frozen
class Always:
    """A condition that does not depend on anything."""

    is_true: bool


@attrs.frozen
class Holds:
    """A name of yes or no, alone."""

    name: Name


@attrs.frozen
class Equal:
    """``left == right``."""

    left: Operand
    right: Operand


@attrs.frozen
class Less:
    """``left < right``, or with ``or_equal`` ``left <= right``."""

    left: Operand
    right: Operand
    or_equal: bool


@attrs.frozen
class Member:
    """A test that ``item`` is among the choices that ``choices`` holds."""

    item: Operand
    choices: Name


@attrs.frozen
class Not:
    """The contrary."""

    part: Condition


@attrs.frozen
class Every:
    """All parts hold."""

    parts: tuple[Condition, ...]


@attrs.frozen
class Some:
    """One part holds at least."""

    parts: tuple[Condition, ...]


Condition = Always | Holds | Equal | Less | Member | Not | Every | Some


def judge(condition: Condition, facts: Mapping[str, object]) -> bool:  # noqa: PLR0911 -- one a form
    """Return whether a condition holds. It never fails.

    Args:
        condition: As ``check`` made it.
        facts: Values by name. One that is missing, or not of its kind, counts as not given.
    """
    match condition:
        case Always(is_true=is_true):
            return is_true
        case Holds(name=name):
            return _value(name, facts) is True
        case Equal(left=left, right=right):
            return _value(left, facts) == _value(right, facts)
        case Less():
            return _is_less(condition, facts)
        case Member(item=item, choices=choices):
            held = _value(choices, facts)
            return isinstance(held, frozenset) and _value(item, facts) in held
        case Not(part=part):
            return not judge(part, facts)
        case Every(parts=parts):
            return all(judge(part, facts) for part in parts)
        case Some(parts=parts):
            return any(judge(part, facts) for part in parts)


def names_of(condition: Condition) -> frozenset[str]:
    """The names that a condition depends on."""
    return frozenset(
        operand.name for operand in operands_of(condition) if isinstance(operand, Name)
    )


def operands_of(condition: Condition) -> Iterator[Operand]:
    """The names and literals of a condition."""
    match condition:
        case Always():
            return
        case Holds(name=name):
            yield name
        case Equal(left=left, right=right) | Less(left=left, right=right):
            yield from (left, right)
        case Member(item=item, choices=choices):
            yield from (item, choices)
        case Not(part=part):
            yield from operands_of(part)
        case Every(parts=parts) | Some(parts=parts):
            for part in parts:
                yield from operands_of(part)


def _value(operand: Operand, facts: Mapping[str, object]) -> Comparable | None:
    if isinstance(operand, Literal):
        return operand.value
    return comparable(operand.named.kind, facts.get(operand.name))


def _is_less(less: Less, facts: Mapping[str, object]) -> bool:
    left, right = _value(less.left, facts), _value(less.right, facts)
    if left is None or right is None or type(left) is not type(right):
        return False
    if isinstance(left, tuple) and isinstance(right, tuple) and left[0] != right[0]:
        # Amounts of two currencies: neither is less.
        return False
    if left == right:
        return less.or_equal
    return bool(left < right)  # type: ignore[operator]  # of one type, by the line above
