"""Matrix' canonical JSON, and the refusal of what it cannot carry.

Source: Matrix spec v1.18, appendices, "Canonical JSON". The library writes floats, integers that
JavaScript rounds, and lone surrogates without a word; each of them would make two readers see
different objects under one signature, so all are refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from canonicaljson import encode_canonical_json

from veche.protocol.errors import MalformedError

INTEGER_MAX: Final = (1 << 53) - 1
"""Largest size of an integer (Matrix spec v1.18, appendices, "Canonical JSON")."""
DEPTH_MAX: Final = 32
"""How deep objects and lists may nest: beyond it readers differ on whether they can read it."""


def canonical(value: Mapping[str, Any], *, where: str = "content") -> bytes:
    """The canonical JSON of an object, in UTF-8.

    Args:
        value: Nested mappings with string keys, lists or tuples, strings, booleans, None and
            integers of at most ``INTEGER_MAX`` in size; at most ``DEPTH_MAX`` levels.
        where: What to call ``value`` in an error.

    Raises:
        MalformedError: Something in it has no canonical form; the message names the field.
    """
    return encode_canonical_json(plain(value, where=where))


def plain(value: Any, *, where: str = "content") -> Any:
    """A copy of a JSON value made of dicts, lists and plain values only.

    Raises:
        MalformedError: As for ``canonical``.
    """
    return _plain(value, where, DEPTH_MAX)


class _Field(NamedTuple):
    """Where a value is; spelt out only in an error, since every message is looked through."""

    within: _Field | str
    name: object

    def __str__(self) -> str:
        return f"{self.within}.{self.name}"


def _plain(value: Any, where: _Field | str, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise MalformedError(str(where), "integer is beyond 2^53 - 1")
        return int(value)
    if depth == 0:
        raise MalformedError(str(where), f"nested deeper than {DEPTH_MAX} levels")
    if isinstance(value, dict | Mapping):
        return {
            _key(key, where): _plain(item, _Field(where, key), depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, _Field(where, i), depth - 1) for i, item in enumerate(value)]
    name = type(value).__name__
    raise MalformedError(str(where), f"{name} has no place in canonical JSON")


def _key(key: object, where: _Field | str) -> str:
    if not isinstance(key, str):
        raise MalformedError(str(where), "keys must be strings")
    return _text(key, where)


def _text(value: str, where: _Field | str) -> str:
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError as e:
        raise MalformedError(str(where), "text holds half a character (lone surrogate)") from e
    return str(value)
