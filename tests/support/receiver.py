"""A server of an organisation, to which events are sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase

reactor: Any = default_reactor


class Receiver(Resource):
    """A server of an organisation.

    Attributes:
        bodies: What it got, in order.
        statuses: What it answers next; 200 if there is nothing.
        is_silent: It takes requests and says nothing.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.bodies: list[bytes] = []
        self.statuses: list[int] = []
        self.is_silent = False

    def render_POST(self, request: Any) -> Any:
        self.bodies.append(request.content.read())
        self.heard(len(self.bodies))
        if self.is_silent:
            return NOT_DONE_YET
        request.setResponseCode(self.statuses.pop(0) if self.statuses else 204)
        return b""

    def heard(self, count: int) -> None:
        """Something came, and was not answered yet; for tests that do something then."""

    def listen(self, case: TestCase) -> str:
        """Serve until a test case ends; the address."""
        port = reactor.listenTCP(0, Site(self), interface="127.0.0.1")
        case.addCleanup(port.stopListening)
        return f"http://127.0.0.1:{port.getHost().port}/hook?a=1"

    @property
    def numbers(self) -> list[int]:
        """Of the events, as they came."""
        return [json.loads(body)["event"]["n"] for body in self.bodies]
