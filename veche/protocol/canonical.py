"""Matrix' canonical JSON, and the refusal of what it cannot carry.

Source: Matrix spec v1.18, appendices, "Canonical JSON". The library writes floats, integers that
JavaScript rounds, and lone surrogates without a word; each of them would make two readers see
different objects under one signature, so all are refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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


def _plain(value: Any, where: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise MalformedError(where, "integer is beyond 2^53 - 1")
        return int(value)
    if isinstance(value, str):
        return _text(value, where)
    if depth == 0:
        raise MalformedError(where, f"nested deeper than {DEPTH_MAX} levels")
    if isinstance(value, Mapping):
        return {
            _key(key, where): _plain(item, f"{where}.{key}", depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}.{i}", depth - 1) for i, item in enumerate(value)]
    raise MalformedError(where, f"{type(value).__name__} has no place in canonical JSON")


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise MalformedError(where, "keys must be strings")
    return _text(key, where)


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as e:
        raise MalformedError(where, "text holds half a character (lone surrogate)") from e
    return str(value)
