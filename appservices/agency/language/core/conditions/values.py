"""Values of the names in a condition, and their comparison."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
from collections.abc import Mapping
from typing import Any, Final

import attrs


class Kind(enum.Enum):
    """The kind of a value in a condition, as the writer of a service sees it."""

    TEXT = "a text"
    NUMBER = "a number"
    MONEY = "an amount"
    DATE = "a date"
    TRUTH = "yes or no"
    CHOICE = "a choice"
    CHOICES = "a list of choices"
    OPAQUE = "a value that can only be compared with none"


ORDERED: Final = frozenset({Kind.NUMBER, Kind.MONEY, Kind.DATE})
"""Kinds that ``<`` compares."""
NUMBER_CHARACTERS_MAX: Final = 40
"""Longest number that is compared; a longer one counts as not given."""


@attrs.frozen
class Named:
    """The meaning of a name.

    Attributes:
        kind: Its kind.
        choices: Ids, of the kinds ``CHOICE`` and ``CHOICES``.
        is_whole: Of the kind ``NUMBER``: it has no fraction.
    """

    kind: Kind
    choices: tuple[str, ...] = ()
    is_whole: bool = False


Comparable = str | bool | decimal.Decimal | tuple[str, int] | frozenset[str]
"""A value in the form that compares: an amount is its currency and minor units."""


def comparable(kind: Kind, value: object) -> Comparable | None:
    """A value in the form that compares; None if it is not given, or not of its kind.

    Args:
        kind: What it should be.
        value: A value of a form (see ``veche.protocol.forms``) or a fact of a case.
    """
    if kind is Kind.OPAQUE:
        return None if value is None else True
    return _READERS[kind](value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> decimal.Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, str) and len(value) > NUMBER_CHARACTERS_MAX:
        return None
    try:
        number = decimal.Decimal(value)
    except decimal.InvalidOperation:
        return None
    return number if number.is_finite() else None


def _money(value: object) -> tuple[str, int] | None:
    if not isinstance(value, Mapping):
        return None
    fields: Mapping[str, Any] = value
    currency, minor = fields.get("currency"), fields.get("minor")
    if isinstance(currency, str) and isinstance(minor, int) and not isinstance(minor, bool):
        return (currency, minor)
    return None


def _date(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        # In this form dates compare as texts; other forms of ISO 8601 do not.
        return value if dt.date.fromisoformat(value).isoformat() == value else None
    except ValueError:
        return None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _choices(value: object) -> frozenset[str] | None:
    if isinstance(value, list | tuple | frozenset) and all(isinstance(v, str) for v in value):
        return frozenset(value) or None
    return None


_READERS: Final = {
    Kind.TEXT: _text,
    Kind.NUMBER: _number,
    Kind.MONEY: _money,
    Kind.DATE: _date,
    Kind.TRUTH: _truth,
    Kind.CHOICE: _text,
    Kind.CHOICES: _choices,
}
