"""JSON that nobody honest writes, for every model of a body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from veche.protocol.wire import Wire

RAW: Final = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"[" * 5_000,
    b'{"a":' * 5_000,
    b"[" + b"[]," * 20_000 + b"[]]",
    b"9" * 310,
    b"9" * 5_000,
    b"\xff\xfe{\x00}\x00",
    b'{"a": 1, "a": 2}',
    b'{"a": NaN}',
    b'{"a": "\\ud800"}',
)
"""Whole bodies."""
VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    2**53 - 1,
    2**63,
    10**309,
    1.5,
    1e308,
    "",
    "x" * 3_000,
    "\u202e",
    "\x00",
    "\ud800",
    "@a:b",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "https://[",
    [],
    [None],
    [[]] * 30,
    {},
    {"minor": 2**53 - 1, "currency": "EUR"},
    {"minor": 1, "currency": "\u0130XX"},
)
"""Values of a field."""


def hostile_bodies(model: type[Wire], chance: random.Random) -> Iterator[bytes]:
    """Whole bodies, and objects with the fields of a model and such values in them."""
    yield from RAW
    schema = model.model_json_schema()
    good = _example(schema, schema.get("$defs", {}), 0)
    for name in model.model_fields:
        for value in VALUES:
            yield _written({**good, name: value})
    for _ in range(20):
        yield _written({name: chance.choice(VALUES) for name in model.model_fields})


def _written(value: object) -> bytes:
    return json.dumps(value).encode()


def _example(schema: Any, known: Any, depth: int) -> Any:  # noqa: PLR0911 -- a line for each kind
    """Something that fits a schema nearly."""
    if depth > 6:
        return None
    if "$ref" in schema:
        return _example(known[schema["$ref"].rpartition("/")[2]], known, depth + 1)
    for one in ("const", "default"):
        if one in schema:
            return schema[one]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], known, depth + 1)
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: _example(one, known, depth + 1) for name, one in fields.items()}
    if kind == "array":
        return [_example(schema.get("items", {}), known, depth + 1)]
    plain = {"integer": schema.get("minimum", 1), "boolean": True, "null": None}
    return plain.get(kind, "x")
