"""Read what a request says beside its body: query, language, idempotency key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from veche.protocol.errors import MalformedError
from veche.protocol.texts.catalogue import LANGUAGES, language_of
from veche.protocol.wire import reason
from veche.runtime.web import header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.web.iweb import IRequest

    from veche.protocol.wire import Wire

KEY_CHARACTERS_MAX: Final = 64
"""Longest ``Idempotency-Key``."""
QUERY_BYTES_MAX: Final = 4_096
ACCEPT_LANGUAGE_CHARACTERS_MAX: Final = 200

_KEY: Final = re.compile(rf"[!-~]{{1,{KEY_CHARACTERS_MAX}}}")


def read_query(request: IRequest) -> dict[str, str]:
    """Read the query: one value of each name."""
    query = request.uri.partition(b"?")[2]
    if len(query) > QUERY_BYTES_MAX:
        raise MalformedError("query", f"over {QUERY_BYTES_MAX} bytes")
    if not query:
        return {}
    if any(len(values) > 1 for values in request.args.values()):
        raise MalformedError("query", "a name is there twice")
    try:
        found = {name.decode(): values[0].decode() for name, values in request.args.items()}
    except UnicodeDecodeError as e:
        raise MalformedError("query", "not UTF-8") from e
    if "\0" in "".join(found.values()):
        raise MalformedError("query", "a character that no text may hold")
    return found


def parse_query(model: type[Wire], values: Mapping[str, str]) -> Wire:
    """Read the values of a query into the model of a route."""
    try:
        return model.model_validate_strings(dict(values))
    except ValidationError as e:
        first = e.errors(include_input=False, include_url=False)[0]
        raise MalformedError(".".join(["query", *map(str, first["loc"])]), reason(first)) from e


def read_key(request: IRequest, *, is_needed: bool) -> str | None:
    """Read the idempotency key; None if there is none and none is needed."""
    key = header(request, b"idempotency-key")
    if key is None and not is_needed:
        return None
    if key is None:
        raise MalformedError("Idempotency-Key", "is missing")
    if not _KEY.fullmatch(key):
        raise MalformedError(
            "Idempotency-Key", f"should have 1 to {KEY_CHARACTERS_MAX} printable characters"
        )
    return key


def accepted_language(header: str | None) -> str:
    """Return the catalogue that fits ``Accept-Language`` best (RFC 9110, 12.5.4), or the first."""
    best, best_weight = LANGUAGES[0], 0.0
    for item in (header or "")[:ACCEPT_LANGUAGE_CHARACTERS_MAX].split(","):
        tag, _, parameter = item.partition(";")
        language = language_of(tag)
        weight = _weight(parameter)
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    found = re.fullmatch(r"[01](?:\.\d{0,3})?", value.strip())
    return float(found[0]) if found else 0.0
