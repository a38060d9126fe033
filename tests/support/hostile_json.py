"""JSON that nobody honest writes, for every model of a body."""

from __future__ import annotations

import json
import random
import re
import time
import urllib.error
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tests.support.long import many

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from veche.api import Api, Route
    from veche.protocol.wire import Wire

EACH_MAX: Final = many(ordinary=8, long=24)
"""Bodies that one route is sent."""
TRIES_MAX: Final = 20
NOBODYS: Final = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

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


TEXTS: Final = (
    "",
    "x",
    "x" * 3_000,
    "9" * 4_000,
    "-1",
    "1e309",
    "null",
    "%00",
    "%ff",
    "%ed%a0%80",
    "%E2%80%AE",
    "a.pdf",
    NOBODYS,
)
"""Values of a query, as they stand in an address."""


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


def broken(
    api: Api, url: str, headers: Mapping[str, str], known: Mapping[str, str] | None = None
) -> tuple[list[str], Counter[int]]:
    """Send hostile bodies and queries to each route of an API that takes JSON, bytes or a query.

    Return what was an error of ours, and how often each status was answered.

    Args:
        api: Whose routes.
        url: Where it is served.
        headers: Of each request, such as who asks.
        known: Arguments of paths that there are; all others are nobody's.
    """
    chance = random.Random(7)  # noqa: S311 -- no secret
    found, answered = [], Counter[int]()
    for route in api.routes:
        path = re.sub(
            r"<(?:\w+:)?(\w+)>", lambda name: (known or {}).get(name[1], NOBODYS), route.path
        )
        for number, (data, query) in enumerate(_sent(route, chance)):
            one = urllib.request.Request(  # noqa: S310 -- ours
                url + api.prefix + path + query, data=data, method=route.method
            )
            for name, value in {**headers, "idempotency-key": f"hostile{number}"}.items():
                one.add_header(name, value)
            one.add_header("content-type", route.takes or "application/json")
            status, body = answer_of(one)
            answered[status] += 1
            if status == 500:
                found.append(
                    f"{route.method} {route.path}{query} {(data or b'')[:300]!r}: {body!r}"
                )
    return found, answered


def _sent(route: Route, chance: random.Random) -> list[tuple[bytes | None, str]]:
    """Hostile bodies and queries for a route; none if it takes neither."""
    found: list[tuple[bytes | None, str]] = []
    if route.body is not None:
        found += [(data, "") for data in hostile_bodies(route.body, chance)]
    names = () if route.query is None else route.query.model_fields
    given = RAW if route.takes is not None else (None,)
    found += [
        (chance.choice(given), f"?{name}={text}{more}")
        for name in names
        for text in TEXTS
        for more in ("", f"&{name}=x", f"&{'n' * 300}=%00")
    ]
    return chance.sample(found, min(EACH_MAX, len(found)))


def answer_of(one: urllib.request.Request) -> tuple[int, bytes]:
    """Status and body; who asks too often asks again once they may."""
    for _ in range(TRIES_MAX):
        try:
            with urllib.request.urlopen(one) as answer:  # noqa: S310 -- ours
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            with e:
                status, body = e.code, e.read()
        if status != 429:
            break
        time.sleep(json.loads(body)["retry_after_ms"] / 1000)
    return status, body


def hostile_contents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Types and contents of events in which one field is what it should not be."""
    for kind, good in _EVENTS.items():
        for path in _places(good):
            for value in VALUES:
                yield kind, _with(good, path, value)


_EVENTS: Final[Mapping[str, dict[str, Any]]] = {
    "m.room.message": {
        "msgtype": "m.text",
        "body": "pay @bob:veche.test 5 EUR",
        "format": "org.matrix.custom.html",
        "formatted_body": "<b>pay</b>",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$a"}, "rel_type": "m.thread"},
        "m.mentions": {"user_ids": ["@bob:veche.test"]},
        "org.veche.answer": {"prompt": NOBODYS, "choice": "pay", "value": {"a": 1}},
        "file": {"url": "mxc://a/b", "key": {"k": "a"}, "iv": "a", "hashes": {"sha256": "a"}},
        "info": {"mimetype": "image/png", "size": 5},
        "m.new_content": {"msgtype": "m.text", "body": "pay"},
    },
    "m.reaction": {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$a", "key": "1"}},
    "m.room.redaction": {"redacts": "$a"},
    "m.poll.response": {"m.relates_to": {"event_id": "$a"}, "m.selections": ["1"]},
}


def _places(content: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in content.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *inner) for inner in _places(value))


def _with(content: Mapping[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    name, *inner = path
    changed = _with(content[name], tuple(inner), value) if inner else value
    return {**content, name: changed}


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
