"""The one reader of JSON that others wrote: over HTTP, in Matrix, in answers of other servers.

What programs read differently is refused, and what would cost more to read than it is worth.

Source: RFC 8259; RFC 7493 (I-JSON) for keys, numbers and texts.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from veche.protocol.canonical import DEPTH_MAX, INTEGER_MAX
from veche.protocol.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

NODES_MAX: Final = 20_000
"""Most values and keys of a document, where its reader does not say another number."""
LARGE_NODES_MAX: Final = 200_000
"""Most values and keys of a document that is read in a thread: 10,000 lines of a payout."""

_MARKS: Final = (b",", b":", b"[", b"{")
"""Before each value and key but the first stands one of them."""
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
"""A text; possessive and with its end optional, so that no document takes long to search."""
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[][{}]|[^][{}"]++', re.DOTALL)
_RELAYED_DEPTH_MAX: Final = DEPTH_MAX + 3
"""An object, a list in it, and in that the events, whose contents may have ``DEPTH_MAX``."""
_DIGITS: Final = 20
"""No integer that is small enough has so many."""
_STANDARD_TEXTS: Final = ("msgtype", "body", "format", "formatted_body", "membership", "algorithm")
_RELATION_TEXTS: Final = ("rel_type", "event_id", "key")
_RELATION: Final = "m.relates_to"


def read_json(
    data: bytes, *, where: str = "body", nodes_max: int = NODES_MAX, any_text: bool = False
) -> Any:
    """Read JSON of others, strictly.

    Refused are a key that is there twice, numbers that are none or too large, what no text may hold
    (NUL, half of a surrogate pair), and what is nested too deeply or has too many values. They are
    counted before anything is made of them.

    Args:
        data: UTF-8.
        where: What to call it in an error.
        nodes_max: Most values and keys. More than ``NODES_MAX`` are read in a thread.
        any_text: Also what no text may hold: whoever acts on a message of a person looks at it.

    Raises:
        MalformedError: It is not JSON, or one of these.
    """
    if _marks(data) >= nodes_max and _marks(_TEXT.sub(b"", data)) >= nodes_max:
        raise MalformedError(where, f"over {nodes_max} values")
    try:
        content = json.loads(
            data.decode(), object_pairs_hook=partial(_object, where), parse_constant=_no_number
        )
    except (ValueError, RecursionError) as e:
        raise MalformedError(where, "not JSON") from e
    check_json(content, where, any_text=any_text)
    return content


def read_relayed(data: bytes, *, where: str = "body") -> Any:
    """Read JSON in which one server passes on what many people wrote.

    What one of them wrote must not keep the others' from being read: so a number that ``read_json``
    refuses, and what is nested too deeply, is None here. Texts may hold anything.

    Args:
        data: UTF-8; the caller bounds its length.
        where: What to call it in an error.

    Raises:
        MalformedError: It is not JSON at all.
    """
    try:
        try:
            content = _RELAYED.decode(data.decode())
            is_deep = _is_deep(content)
        except RecursionError:
            is_deep = True
        return _RELAYED.decode(_shallow(data).decode()) if is_deep else content
    except ValueError as e:
        raise MalformedError(where, "not JSON") from e


def check_json(content: object, where: str, *, any_text: bool = False) -> None:
    """Make sure that JSON which was read elsewhere has no value that ``read_json`` would refuse.

    Raises:
        MalformedError: It is nested too deeply, or has such a number or text.
    """
    level = [content]
    for depth in range(DEPTH_MAX + 1):
        inner: list[object] = []
        for value in level:
            if isinstance(value, str):
                if not any_text and not is_text(value):
                    raise MalformedError(where, "a character that no text may hold")
            elif isinstance(value, dict | list):
                if depth == DEPTH_MAX:
                    raise MalformedError(where, f"over {DEPTH_MAX} levels deep")
                inner += value
                if isinstance(value, dict):
                    inner += value.values()
            # Not by ``math``: an integer of 310 digits is no float, not even an infinite one.
            elif isinstance(value, int | float) and not abs(value) <= INTEGER_MAX:
                raise MalformedError(where, "a number that is too large")
        level = inner


def read_content(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Return the content of an event without standard fields that are of another type.

    Whoever acts on an event reads them before anything else is known of it.

    Args:
        content: Of an event of Matrix, in clear or decrypted.
        where: What to call it in an error.

    Raises:
        MalformedError: As for ``check_json``.
    """
    check_json(dict(content), where, any_text=True)
    relation = content.get(_RELATION)
    if isinstance(relation, dict):
        relation = _without(relation, _RELATION_TEXTS)
    content = _without(content, _STANDARD_TEXTS)
    return content if relation is content.get(_RELATION) else {**content, _RELATION: relation}


def is_text(value: str) -> bool:
    """Return whether PostgreSQL takes the text: no NUL, no half of a surrogate pair."""
    if "\0" in value:
        return False
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_deep(content: object) -> bool:
    level = [content]
    for _ in range(_RELAYED_DEPTH_MAX):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _shallow(data: bytes) -> bytes:
    """Return a document without what is nested too deeply: null stands there."""
    parts, depth = [], 0
    for token in _TOKEN.findall(data):
        depth += token in b"[{"
        if depth <= _RELAYED_DEPTH_MAX:
            parts.append(token)
        elif depth == _RELAYED_DEPTH_MAX + 1 and token in b"[{":
            parts.append(b"null")
        depth -= token in b"]}"
    return b"".join(parts)


def _integer(text: str) -> int | None:
    value = int(text) if len(text) < _DIGITS else None
    return value if value is not None and abs(value) <= INTEGER_MAX else None


def _float(text: str) -> float | None:
    value = float(text)
    return value if abs(value) <= INTEGER_MAX else None


_RELAYED: Final = json.JSONDecoder(
    parse_int=_integer, parse_float=_float, parse_constant=lambda _: None
)


def _object(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError(where, "a key is there twice")
    return found


def _no_number(text: str) -> object:
    raise ValueError(text)


def _marks(data: bytes) -> int:
    return sum(map(data.count, _MARKS))


def _without(content: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    wrong = [name for name in names if not isinstance(content.get(name, ""), str)]
    return {key: content[key] for key in content if key not in wrong} if wrong else content
