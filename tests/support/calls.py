"""One HTTP request with JSON in and out, for tests that are not on Twisted."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_S_MAX: Final = 120


@attrs.frozen
class Answer:
    """Status and JSON body of an HTTP answer."""

    status: int
    body: Any

    @property
    def errcode(self) -> str:
        """Code of an error, empty for a success."""
        return str(self.body.get("errcode", "")) if isinstance(self.body, dict) else ""


def request(
    method: str,
    url: str,
    *,
    token: str | None = None,
    query: Mapping[str, str] | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One HTTP request with a JSON body; an error status is an answer like any other."""
    full = f"{url}?{urllib.parse.urlencode(query)}" if query else url
    data = None if body is None else json.dumps(body).encode()
    one = urllib.request.Request(full, data=data, method=method)  # noqa: S310 -- ours
    one.add_header("content-type", "application/json")
    for name, value in (headers or {}).items():
        one.add_header(name, value)
    if token is not None:
        one.add_header("authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(one, timeout=REQUEST_S_MAX) as answer:  # noqa: S310
            return Answer(answer.status, _json(answer.read()))
    except urllib.error.HTTPError as e:
        with e:
            return Answer(e.code, _json(e.read()))


def _json(data: bytes) -> Any:
    return json.loads(data) if data else {}
