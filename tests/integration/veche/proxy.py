"""A bad line to the homeserver: requests or answers get lost, or somebody else answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.protocols.policies import WrappingFactory
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from veche.runtime.web.http_client import Connections, NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

reactor: Any = default_reactor

PASS = None
LOSE_REQUEST = "lose the request"
LOSE_ANSWER = "lose the answer"


class Proxy(Resource):
    """Hands requests on, unless ``fault`` says otherwise.

    Attributes:
        fault: Given method and path: ``PASS``, ``LOSE_REQUEST``, ``LOSE_ANSWER``, or an answer as
            ``(status, content)``.
        seen: Method and path of each request.
    """

    isLeaf = True

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self._connections = Connections(reactor, url)
        self.fault: Callable[[str, str], Any] = lambda _method, _path: PASS
        self.seen: list[tuple[str, str]] = []
        site: Any = Site(self)
        self._open: Any = WrappingFactory(site)
        self.port = reactor.listenTCP(0, self._open, interface="127.0.0.1")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port.getHost().port}"

    async def stop(self) -> None:
        """End."""
        await self.port.stopListening()
        for one in list(self._open.protocols):
            one.transport.abortConnection()
        await self._connections.close()

    def sent(self, fragment: str = "/send/") -> list[str]:
        """Paths of requests that send something."""
        return [path for method, path in self.seen if method == "PUT" and fragment in path]

    def render(self, request: Any) -> int:
        work = Deferred.fromCoroutine(self._hand_on(request))
        work.addErrback(lambda _: request.transport.abortConnection())
        return NOT_DONE_YET

    async def _hand_on(self, request: Any) -> None:
        method, target = request.method.decode(), request.uri.decode()
        self.seen.append((method, target))
        fault = self.fault(method, target)
        if fault == LOSE_REQUEST:
            request.transport.abortConnection()
            return
        if isinstance(fault, tuple):
            self._answer(request, fault[0], json.dumps(fault[1]).encode())
            return
        head = b"".join(
            name + b": " + value + b"\r\n"
            for name, values in request.requestHeaders.getAllRawHeaders()
            for value in values
            if name.lower() not in {b"host", b"content-length", b"connection"}
        )
        body = request.content.read()
        try:
            answer = await self._connections.request(
                request.method,
                request.uri,
                head,
                body if method != "GET" else None,
                timeout_s=30,
                answer_bytes_max=1 << 24,
            )
        except NoAnswerError:
            request.transport.abortConnection()
            return
        if fault == LOSE_ANSWER:
            request.transport.abortConnection()
            return
        self._answer(request, answer.status, answer.body)

    def _answer(self, request: Any, status: int, body: bytes) -> None:
        request.setResponseCode(status)
        request.setHeader(b"content-type", b"application/json")
        request.write(body)
        request.finish()
