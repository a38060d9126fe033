"""Asking a service of another organisation, or of this one, over HTTP with a key (RFC 6750).

The operator names it, so it is asked wherever it is, also on this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from veche.protocol.errors import MalformedError, RefusedError, UnavailableError
from veche.protocol.json_reader import LARGE_NODES_MAX, read_json
from veche.protocol.wire import mapping, parse
from veche.runtime.web.http_client import Connections

if TYPE_CHECKING:
    from collections.abc import Collection

    from twisted.internet.interfaces import IReactorTime

    from veche.protocol.wire import Wire
    from veche.runtime.web.http_client import Answer

ANSWER_BYTES_MAX: Final = 1 << 20
TIMEOUT_S: Final = 30.0
RETRY_AFTER_MS: Final = 5_000
ERROR_CHARACTERS_MAX: Final = 200
JSON: Final = "application/json"
_OK: Final = range(200, 300)
_REFUSED: Final = frozenset({400, 403, 404, 409, 413})

W = TypeVar("W", bound="Wire")


class ServiceClient:
    """One organisation at one service."""

    def __init__(
        self,
        reactor: IReactorTime,
        url: str,
        key: str,
        *,
        api: str,
        called: str,
        busy: Collection[str] = (),
        refusal: type[RefusedError] = RefusedError,
    ) -> None:
        """Make it; the first request connects.

        ``url`` has no path and ``api`` is the prefix of its paths; ``called`` stands in errors,
        and the codes of refusals in ``busy`` mean: later.
        """
        self._connections = Connections(reactor, url)
        self._key = key
        self._api = api
        self._called = called
        self._busy = frozenset(busy)
        self._refusal = refusal

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def call(
        self,
        method: str,
        path: str,
        model: type[W],
        *,
        body: Wire | None = None,
        key: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> W:
        """Ask with JSON, and be answered so.

        Args:
            method: HTTP method.
            path: Below the prefix.
            model: Of the answer.
            body: What is said.
            key: Of idempotency; the same one again does nothing again.
            timeout_s: How long to wait.

        Raises:
            RefusedError: The service says no.
            UnavailableError: It does not answer, or not to this key; nothing is known.
        """
        data = None if body is None else body.model_dump_json(exclude_none=True).encode()
        answer = await self._ask(method, path, data, JSON, key, (timeout_s, ANSWER_BYTES_MAX))
        try:
            return parse(model, _content(answer))
        except MalformedError as e:
            raise UnavailableError(
                f"{self._called} answers in another way than agreed", retry_after_ms=RETRY_AFTER_MS
            ) from e

    async def put(self, path: str, data: bytes, kind: str, model: type[W]) -> W:
        """Send a file; raises as ``call``."""
        answer = await self._ask("PUT", path, data, kind, None, (TIMEOUT_S, ANSWER_BYTES_MAX))
        return parse(model, _content(answer))

    async def fetch(self, path: str, bytes_max: int) -> bytes:
        """Fetch a file; raises as ``call``."""
        return (await self._ask("GET", path, None, JSON, None, (TIMEOUT_S, bytes_max))).body

    async def _ask(
        self,
        method: str,
        path: str,
        data: bytes | None,
        kind: str,
        key: str | None,
        bounds: tuple[float, int],
    ) -> Answer:
        timeout_s, answer_bytes_max = bounds
        head = f"Authorization: Bearer {self._key}\r\nContent-Type: {kind}\r\n"
        if key is not None:
            head += f"Idempotency-Key: {key}\r\n"
        answer = await self._connections.request(
            method.encode(),
            f"{self._api}{path}".encode(),
            head.encode(),
            data,
            timeout_s=timeout_s,
            answer_bytes_max=answer_bytes_max,
        )
        if answer.status not in _OK:
            raise self._error(answer.status, _content(answer))
        return answer

    def _error(self, status: int, content: Any) -> RefusedError | UnavailableError:
        said = mapping(content)
        text = str(said.get("error", ""))[:ERROR_CHARACTERS_MAX]
        if status in _REFUSED and said.get("errcode") not in self._busy:
            return self._refusal(text or f"{self._called} answers {status}")
        # A key that is not known (401) is mended by the operator: until then the work waits.
        wait_ms = said.get("retry_after_ms")
        retry_after_ms = wait_ms if isinstance(wait_ms, int) and wait_ms > 0 else RETRY_AFTER_MS
        return UnavailableError(
            f"{self._called} answers {status}: {text}", retry_after_ms=retry_after_ms
        )


def _content(answer: Answer) -> Any:
    try:
        return read_json(answer.body, where="answer", nodes_max=LARGE_NODES_MAX)
    except MalformedError:
        return None
