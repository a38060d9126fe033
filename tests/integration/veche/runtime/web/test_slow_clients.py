"""Clients that send too slowly, stop in the middle, or read nothing; on real sockets.

Each listener of ours is one of two: the site (pages, what organisations and the app ask), and the
pushes of the homeserver, which hand on to a site what is none.
"""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any, Final

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from tests.integration.veche.rig import until
from tests.support.calls import request
from tests.support.processes import TIMEOUT_S
from veche.runtime.matrix import pushes
from veche.runtime.matrix.pushes import Pushes
from veche.runtime.matrix.transactions import Transactions
from veche.runtime.web import new_site, server
from veche.runtime.web.connecting import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

reactor: Any = default_reactor
TOKEN: Final = "t" * 32
TRANSACTION: Final = b"PUT /_matrix/app/v1/transactions/1 HTTP/1.1\r\nauthorization: Bearer " + (
    TOKEN.encode() + b"\r\ncontent-length: 4000\r\n\r\n"
)
POST: Final = b"POST /note HTTP/1.1\r\nhost: x\r\ncontent-length: 4000\r\n\r\n"
LARGE: Final = b"x" * (32 << 20)
"""More than the buffers of two sockets take."""
SHORT_S: Final = 0.2
LONG_S: Final = 60.0
SLOW: Final = 30
"""Clients at a time."""


class _Root(Resource):
    """Takes a body; answers much."""

    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        return b"%d" % len(request.content.read())

    def render_GET(self, request: Any) -> bytes:
        return LARGE if request.path == b"/large" else b'"here"'


class _Intake:
    async def take(self, *_: Any) -> None:
        """Nothing is kept."""


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class SlowTests(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        root: Any = _Root
        self.site = new_site(root(), reactor)
        transactions = Transactions(TOKEN, _Intake())
        self.ports = [
            reactor.listenTCP(0, one, interface="127.0.0.1")
            for one in (self.site, Pushes(self.site, transactions))
        ]
        for one in self.ports:
            self.addCleanup(one.stopListening)
        self.logged = _Lines()
        ours = logging.getLogger("veche")
        self.addCleanup(ours.setLevel, ours.level)
        self.addCleanup(ours.removeHandler, self.logged)
        ours.addHandler(self.logged)
        ours.setLevel(logging.INFO)
        self.socket_s = TIMEOUT_S

    def times(self, *, idle_s: float = LONG_S, arrival_s: float = LONG_S) -> None:
        """How long is waited from now on."""
        for module in (server, pushes):
            self.patch(module, "IDLE_S_MAX", idle_s)  # type: ignore[no-untyped-call]  # trial's
            self.patch(module, "ARRIVAL_S_MAX", arrival_s)  # type: ignore[no-untyped-call]
        self.site.timeOut = idle_s
        self.patch(Channel, "abortTimeout", SHORT_S)  # type: ignore[no-untyped-call]

    def connect(self, port: int) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", self.ports[port].getHost().port))
        self.addCleanup(one.close)
        one.settimeout(self.socket_s)
        return one

    def rest(self, one: socket.socket) -> int:
        """How many bytes still come of an answer."""
        count = 0
        try:
            while got := len(one.recv(1 << 20)):
                count += got
        except ConnectionError:
            pass
        return count

    def drip(self, one: socket.socket) -> bytes:
        """Send a byte at a time until the connection ends; all that comes back."""
        one.settimeout(0.02)
        found = b""
        while True:
            try:
                one.sendall(b"x")
                got = one.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return found
            if not got:
                return found
            found += got

    def stop(self, one: socket.socket) -> bytes:
        """Send nothing more; what comes back."""
        found = b""
        while got := one.recv(4096):
            found += got
        return found

    async def ended(self, work: Callable[..., bytes], port: int, begun: bytes) -> bytes:
        """The first line that many clients get who begin; meanwhile another one is answered."""
        clients = [self.connect(port) for _ in range(SLOW)]
        for one in clients:
            one.sendall(begun)
        url = f"http://127.0.0.1:{self.ports[port].getHost().port}/here"
        assert (await deferToThread(request, "GET", url)).status == 200
        slow = [deferToThread(work, one) for one in clients]
        answers = set()
        for ending in slow:
            found = await ending
            answers.add(found.partition(b"\r\n")[0])
        await until(lambda: not self.site.small.total_bytes, "bytes are held still")
        [answer] = answers
        return answer

    async def test_a_body_that_drips_is_ended_and_others_are_answered(self) -> None:
        self.times(arrival_s=SHORT_S)
        for port, begun in ((0, POST), (1, POST), (1, TRANSACTION)):
            answer = await self.ended(self.drip, port, begun)
            assert answer.startswith(b"HTTP/1.1 408 "), (port, begun)
        assert len([one for one in self.logged.lines if "/note 408" in one]) == 2 * SLOW
        assert len([one for one in self.logged.lines if "bytes came of a push" in one]) == SLOW

    async def test_a_body_that_stops_in_the_middle_is_ended_too(self) -> None:
        self.times(idle_s=SHORT_S)
        self.patch(pushes, "ARRIVAL_S_MAX", SHORT_S)  # type: ignore[no-untyped-call]  # trial's
        for port, begun in ((0, POST + b"{"), (1, POST + b"{"), (1, TRANSACTION + b"{")):
            answer = await self.ended(self.stop, port, begun)
            assert answer.startswith(b"HTTP/1.1 408 "), (port, begun)
        assert len([one for one in self.logged.lines if "/note 408" in one]) == 2 * SLOW

    async def test_headers_that_drip_are_ended(self) -> None:
        self.times(arrival_s=SHORT_S)
        for port in (0, 1):
            begun = b"POST /note HTTP/1.1\r\nx: "
            assert b" 408 " in await self.ended(self.drip, port, begun) or port == 1

    async def test_a_first_line_that_drips_keeps_no_place(self) -> None:
        self.times(idle_s=SHORT_S)
        self.patch(pushes, "ARRIVAL_S_MAX", SHORT_S)  # type: ignore[no-untyped-call]  # trial's
        for port in (0, 1):
            assert await self.ended(self.drip, port, b"GET /") == b""

    async def test_an_answer_that_nobody_reads_is_let_go(self) -> None:
        self.times(idle_s=SHORT_S)
        clients = [self.connect(0) for _ in range(3)]
        for one in clients:
            one.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(lambda: len(self._large()) == 3, "it is not answered")
        url = f"http://127.0.0.1:{self.ports[0].getHost().port}/here"
        assert (await deferToThread(request, "GET", url)).status == 200

        await until(lambda: not self._connections(), "it is kept")

        for one in clients:
            assert await deferToThread(self.rest, one) < len(LARGE)

    def _large(self) -> list[str]:
        return [one for one in self.logged.lines if "/large 200" in one]

    def _connections(self) -> list[Any]:
        port = self.ports[0].getHost().port
        readers = [*reactor.getReaders(), *reactor.getWriters()]
        held = [one for one in readers if getattr(one, "protocol", None) is not None]
        return [one for one in held if one.getHost().port == port and hasattr(one, "getPeer")]
