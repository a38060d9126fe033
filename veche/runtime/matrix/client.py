"""The client API of the homeserver, as the application service speaks it.

Every call says for which bot it is made (``user_id``), and calls that send say with which device
(``device_id``, MSC4326): without it Synapse forgets transaction ids when it restarts.
"""

from __future__ import annotations

import functools
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from veche.protocol.errors import MalformedError, UnavailableError, VecheError
from veche.protocol.json_reader import read_relayed
from veche.runtime import metrics
from veche.runtime.web.http_client import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from veche.protocol.ids import DeviceId, UserId
    from veche.runtime.web.http_client import Answer, Connections

CLIENT: Final = "/_matrix/client/v3"
ANSWER_BYTES_MAX: Final = 64 << 20
"""Largest JSON answer: a /sync after a long absence."""
TIMEOUT_S: Final = 60.0
ERROR_CHARACTERS_MAX: Final = 200
QUOTED_MAX: Final = 4_096
"""Parts of paths that are remembered as they are quoted."""

_OK: Final = range(200, 300)
_requests = metrics.counter(
    "veche_homeserver_requests_total", "Requests to the homeserver by answer.", ["answer"]
)
# Looking a label up costs more than counting.
_answered: Final = functools.cache(_requests.labels)


class MatrixError(VecheError):
    """The homeserver refused a request.

    Attributes:
        status: HTTP status.
        errcode: ``M_…``, or that of a module; ``M_UNKNOWN`` when the answer has none.
        error: Its text, at most ``ERROR_CHARACTERS_MAX`` characters.
        retry_after_ms: What it says to wait, or None.
        extra: The whole answer.
    """

    def __init__(self, status: int, content: Mapping[str, Any]) -> None:
        errcode, text = content.get("errcode"), content.get("error")
        self.status = status
        self.errcode = errcode if isinstance(errcode, str) else "M_UNKNOWN"
        self.error = text[:ERROR_CHARACTERS_MAX] if isinstance(text, str) else ""
        wait_ms = content.get("retry_after_ms")
        self.retry_after_ms = int(wait_ms) if isinstance(wait_ms, int | float) else None
        self.extra = content
        super().__init__(f"{status} {self.errcode}: {self.error}")


_JSON: Final = b"Content-Type: application/json\r\n"


def path(*parts: str, root: str = CLIENT) -> str:
    """A path whose ``parts`` are quoted, ``/`` too."""
    return root + "".join([_quoted(part) for part in parts])


# Each message is sent by one of few bots to one of the rooms that are busy now.
@functools.lru_cache(QUOTED_MAX)
def _quoted(part: str) -> str:
    return "/" + quote(part, safe="")


@functools.lru_cache(QUOTED_MAX)
def _who(user: UserId, device: DeviceId | None) -> str:
    return urlencode({"user_id": user} | ({} if device is None else {"device_id": device}))


class MatrixClient:
    """Calls of the application service to its homeserver."""

    def __init__(self, connections: Connections, as_token: str) -> None:
        self._connections = connections
        self._head = f"Authorization: Bearer {as_token}\r\n".encode()
        self._json_head = self._head + _JSON
        self._when_broken: list[Callable[[], None]] = []

    def when_broken(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever the homeserver is in trouble: events may have been lost.

        It gives no answer then, or a failure of its own: without its database it forgets what it
        had to push (measured).
        """
        self._when_broken.append(callback)

    async def call(
        self,
        method: str,
        path: str,
        *,
        user: UserId | None = None,
        device: DeviceId | None = None,
        query: Mapping[str, str | list[str]] | None = None,
        body: Mapping[str, Any] | bytes | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> dict[str, Any]:
        """Make one request; the JSON object of the answer.

        Args:
            method: ``GET``, ``PUT``, ``POST``, ``DELETE``.
            path: Quoted, see ``path``.
            user: For which bot.
            device: With which of its devices; only with ``user``.
            query: Further parameters.
            body: JSON, or its bytes as they shall be sent.
            timeout_s: Until the answer is complete.

        Raises:
            MatrixError: The homeserver refused.
            NoAnswerError: There was no answer; it may have been carried out all the same.
        """
        parameters = [urlencode(query, doseq=True)] if query else []
        if user is not None:
            parameters.append(_who(user, device))
        target = f"{path}?{'&'.join(parameters)}" if parameters else path
        if body is None and method != "GET":
            body = b"{}"
        data = body if body is None or isinstance(body, bytes) else _encoded(body)
        answer = await self._request(method, target, self._json_head, data, timeout_s)
        content = _content(answer)
        if answer.status not in _OK:
            raise MatrixError(answer.status, content)
        return content

    async def get_as_nobody(
        self, path: str, query: Mapping[str, str], *, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        """As ``call`` with ``GET``, without our token: for what anybody may ask."""
        target = f"{path}?{urlencode(query)}"
        answer = await self._request("GET", target, _JSON, None, timeout_s)
        content = _content(answer)
        if answer.status not in _OK:
            raise MatrixError(answer.status, content)
        return content

    async def upload(
        self,
        data: bytes,
        *,
        user: UserId,
        content_type: str = "application/octet-stream",
        timeout_s: float = 120.0,
    ) -> str:
        """Store bytes in the media repository; their mxc URI.

        Raises:
            MatrixError: The homeserver refused, ``M_TOO_LARGE`` for instance.
            NoAnswerError: There was no answer.
        """
        target = "/_matrix/media/v3/upload?" + urlencode({"user_id": user})
        head = self._head + f"Content-Type: {content_type}\r\n".encode()
        answer = await self._request("POST", target, head, data, timeout_s)
        content = _content(answer)
        uri = content.get("content_uri")
        if answer.status not in _OK or not isinstance(uri, str):
            raise MatrixError(answer.status, content)
        return uri

    async def download(
        self, mxc: str, *, user: UserId, bytes_max: int, timeout_s: float = 120.0
    ) -> bytes:
        """Bytes from the media repository (authenticated media, Matrix spec v1.11).

        Args:
            mxc: ``mxc://server/id``.
            user: For which bot.
            bytes_max: Most that is read.
            timeout_s: Until all is there.

        Raises:
            MatrixError: The homeserver refused, or does not have it; the URI has another form.
            AnswerTooLargeError: It is larger.
            NoAnswerError: There was no answer.
        """
        server, slash, media_id = mxc.removeprefix("mxc://").partition("/")
        if not (mxc.startswith("mxc://") and server and slash and media_id):
            raise MatrixError(400, {"errcode": "M_INVALID_PARAM", "error": "no mxc URI"})
        target = path("media", "download", server, media_id, root="/_matrix/client/v1")
        target += "?" + urlencode({"user_id": user})
        answer = await self._request("GET", target, self._head, None, timeout_s, bytes_max)
        if answer.status not in _OK:
            raise MatrixError(answer.status, _content(answer))
        return answer.body

    async def _request(
        self,
        method: str,
        target: str,
        head: bytes,
        data: bytes | None,
        timeout_s: float,
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer:
        try:
            answer = await self._connections.request(
                method.encode(),
                target.encode(),
                head,
                data,
                timeout_s=timeout_s,
                answer_bytes_max=bytes_max,
            )
        except NoAnswerError:
            _requests.labels("none").inc()
            self._tell_broken()
            raise
        _answered(str(answer.status)).inc()
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._tell_broken()
        return answer

    def _tell_broken(self) -> None:
        for callback in self._when_broken:
            callback()


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(body), separators=(",", ":")).encode()


def _content(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; of an error without one, an empty one."""
    try:
        content = read_relayed(answer.body, where="answer")
    except MalformedError as e:
        if answer.status in _OK:
            raise UnavailableError(
                "the homeserver's answer is not JSON", retry_after_ms=1_000
            ) from e
        return {}
    return content if isinstance(content, dict) else {}
