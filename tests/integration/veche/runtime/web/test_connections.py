"""The client on real sockets, against servers that behave well, badly, and not at all."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import BaseClient
from twisted.trial.unittest import TestCase

from tests.integration.veche.rig import as_deferred, pause, until
from tests.support.processes import TIMEOUT_S, free_ports
from veche.protocol.errors import ConfigError, UnavailableError
from veche.protocol.ids import DeviceId, UserId
from veche.runtime.matrix.client import MatrixClient, MatrixError
from veche.runtime.web.http_client import AnswerTooLargeError, Connections, NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

reactor: Any = default_reactor

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BOT = UserId("@veche_bot:example.org")


class Server(Protocol):
    """Answers each request by what the test wants."""

    def __init__(self, case: ConnectionsTests) -> None:
        self._case = case
        self._buffer = b""
        self.is_lost = False

    def connectionMade(self) -> None:
        self._case.opened.append(self)

    def connectionLost(self, reason: object = None) -> None:  # noqa: ARG002 -- of the protocol
        self.is_lost = True

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._case.requests.append(head + b"\r\n\r\n" + rest[:length])
            self._case.answer(self)

    def write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def drop(self) -> None:
        link: Any = self.transport
        link.abortConnection()


def connectors() -> list[Any]:
    """The attempts to connect that are on their way."""
    writers: list[Any] = reactor.getWriters()
    return [one for one in writers if isinstance(one, BaseClient)]


class ConnectionsTests(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        self.opened: list[Server] = []
        self.requests: list[bytes] = []
        self.answer: Callable[[Server], object] = lambda server: server.write(OK)
        factory = Factory.forProtocol(lambda: Server(self))
        factory.noisy = False
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port.getHost().port}"
        self.addCleanup(self.end)

    def end(self) -> Any:
        for server in self.opened:
            server.drop()
        return self.port.stopListening()

    def client(self, url: str = "", **more: Any) -> tuple[MatrixClient, Connections]:
        connections = Connections(reactor, url or self.url, **more)
        self.addCleanup(lambda: as_deferred(connections.close()))
        return MatrixClient(connections, "token"), connections

    def hanging_url(self) -> str:
        """Of a server that answers no attempt to connect."""
        server = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(server.close)
        for _ in range(4):  # the queue has one place; the kernel is silent to whoever comes next
            one = socket.socket()
            self.addCleanup(one.close)
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(server.getsockname())
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    async def test_a_connection_serves_many_requests(self) -> None:
        client, _ = self.client()

        for _ in range(20):
            assert await client.call("GET", "/x") == {}

        assert len(self.opened) == 1

    async def test_a_request_says_who_and_what(self) -> None:
        client, _ = self.client()

        await client.call(
            "PUT",
            "/a/b",
            user=BOT,
            device=DeviceId("D 1"),
            query={"via": ["x", "y"]},
            body={"k": "ä"},
        )

        [request] = self.requests
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        assert first.startswith(b"PUT /a/b?")
        target = first.split(b" ")[1]
        for part in (b"via=x", b"via=y", b"user_id=%40veche_bot%3Aexample.org", b"device_id=D"):
            assert part in target
        assert b"Authorization: Bearer token" in lines
        assert b"Host: " + self.url[7:].encode() in lines
        assert body == b'{"k":"\\u00e4"}'

    async def test_bytes_are_sent_as_they_are(self) -> None:
        client, _ = self.client()

        await client.call("PUT", "/x", body=b'{ "b":1,  "a":2 }')

        assert self.requests[0].endswith(b'\r\n\r\n{ "b":1,  "a":2 }')

    async def test_requests_wait_for_a_connection_and_all_are_answered(self) -> None:
        client, _ = self.client(connections_max=3)
        waiting: list[Server] = []
        self.answer = waiting.append
        calls = [as_deferred(client.call("GET", f"/{number}")) for number in range(10)]
        await until(lambda: len(waiting) == 3, "three at once")
        await pause(0.05)
        assert len(waiting) == 3

        self.answer = lambda server: server.write(OK)
        for server in waiting:
            server.write(OK)
        for call in calls:
            assert await call == {}

        assert len(self.opened) == 3

    async def test_nobody_listens(self) -> None:
        connections = Connections(reactor, f"http://127.0.0.1:{free_ports(1)[0]}")
        broken: list[str] = []
        client = MatrixClient(connections, "token")
        client.when_broken(lambda: broken.append("broken"))

        await self.assertFailure(as_deferred(client.call("GET", "/x")), NoAnswerError)

        assert broken == ["broken"]

    async def test_a_connection_that_breaks_is_no_answer(self) -> None:
        client, _ = self.client()
        halves = (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")
        for half in halves:

            def break_off(server: Server, half: bytes = half) -> None:
                server.write(half)
                reactor.callLater(0.02, server.drop)

            self.answer = break_off
            await self.assertFailure(as_deferred(client.call("PUT", "/x")), NoAnswerError)

    async def test_no_answer_in_time(self) -> None:
        client, _ = self.client()
        self.answer = lambda _: None

        failing = as_deferred(client.call("GET", "/x", timeout_s=0.1))
        await self.assertFailure(failing, NoAnswerError)

        self.answer = lambda server: server.write(OK)
        assert await client.call("GET", "/x") == {}  # over another connection
        assert len(self.opened) == 2

    async def test_no_connection_in_time(self) -> None:
        client, _ = self.client(connections_max=1)
        self.answer = lambda _: None
        first = as_deferred(client.call("GET", "/x", timeout_s=60))
        await until(lambda: self.requests, "the first")

        await self.assertFailure(
            as_deferred(client.call("GET", "/y", timeout_s=0.1)), NoAnswerError
        )

        self.opened[0].write(OK)
        assert await first == {}

    async def test_an_idle_connection_that_the_server_closed_is_made_again(self) -> None:
        client, _ = self.client()
        await client.call("GET", "/x")
        self.opened[0].drop()
        await pause(0.05)

        assert await client.call("PUT", "/x") == {}

    async def test_a_repeatable_request_survives_a_close_just_as_it_is_written(self) -> None:
        client, _ = self.client()
        await client.call("GET", "/x")
        closing = [True]

        def close_once(server: Server) -> None:
            if closing.pop() if closing else False:
                server.drop()
            else:
                server.write(OK)

        self.answer = close_once
        assert await client.call("PUT", "/x") == {}
        closing.append(True)
        # What must not be done twice is not sent twice.
        await self.assertFailure(as_deferred(client.call("POST", "/x")), NoAnswerError)

    async def test_an_answer_nobody_asked_for_ends_the_connection(self) -> None:
        client, _ = self.client()
        await client.call("GET", "/x")
        self.opened[0].write(OK)
        await until(lambda: self.opened[0].is_lost, "it is not ended")

        assert await client.call("GET", "/x") == {}
        assert len(self.opened) == 2

    async def test_answers_beyond_the_bound_are_refused(self) -> None:
        client, connections = self.client()
        self.answer = lambda server: server.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
        )

        assert await client.download("mxc://server/id", user=BOT, bytes_max=1000) == b"x" * 1000
        failing = as_deferred(client.download("mxc://server/id", user=BOT, bytes_max=999))
        await self.assertFailure(failing, AnswerTooLargeError)
        assert connections.host

    async def test_what_is_not_http_is_no_answer(self) -> None:
        client, _ = self.client()
        self.answer = lambda server: server.write(b"220 smtp ready\r\n\r\n")

        await self.assertFailure(as_deferred(client.call("GET", "/x")), NoAnswerError)

    async def test_an_answer_that_is_not_json(self) -> None:
        client, _ = self.client()

        def say(status: int, body: bytes) -> None:
            head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            self.answer = lambda server: server.write(head + body)

        say(200, b"<html>")
        await self.assertFailure(as_deferred(client.call("GET", "/x")), UnavailableError)
        for body in (b"<html>", b"[1]", b"{}", b"[" * 200_000):
            say(502, body)
            error = await self.assertFailure(as_deferred(client.call("GET", "/x")), MatrixError)
            assert error.status == 502
        say(200, b"[1]")
        assert await client.call("GET", "/x") == {}

    async def test_a_cancelled_call_frees_what_it_held(self) -> None:
        client, _ = self.client(connections_max=1)
        self.answer = lambda _: None
        call = as_deferred(client.call("GET", "/x"))
        await until(lambda: self.requests, "the request")

        call.cancel()
        await self.assertFailure(call, CancelledError)

        self.answer = lambda server: server.write(OK)
        assert await client.call("GET", "/y") == {}

    async def test_a_call_that_is_cancelled_while_it_connects_is_cancelled(self) -> None:
        client, connections = self.client(self.hanging_url())
        call = as_deferred(client.call("GET", "/x", timeout_s=600))
        await until(connectors, "an attempt")

        call.cancel()
        await self.assertFailure(call, CancelledError)

        assert connections._opening == 0
        assert connectors() == []

    async def test_a_call_that_is_cancelled_while_a_name_is_looked_up_is_cancelled(self) -> None:
        client, connections = self.client("http://localhost:1")
        call = as_deferred(client.call("GET", "/x", timeout_s=600))
        assert connections._opening == 1

        call.cancel()
        await self.assertFailure(call, CancelledError)

        assert connections._opening == 0

    async def test_a_connection_that_does_not_come_in_time_is_no_answer(self) -> None:
        client, connections = self.client(self.hanging_url())

        failing = as_deferred(client.call("GET", "/x", timeout_s=0.1))
        await self.assertFailure(failing, NoAnswerError)

        assert connections._opening == 0
        assert connectors() == []

    async def test_whoever_waits_goes_on_when_nobody_listens(self) -> None:
        client, connections = self.client(f"http://127.0.0.1:{free_ports(1)[0]}", connections_max=1)
        first, second = (
            as_deferred(client.call("GET", target, timeout_s=600)) for target in ("/x", "/y")
        )
        assert len(connections._waiting) == 1

        await self.assertFailure(first, NoAnswerError)
        await self.assertFailure(second, NoAnswerError)

    async def test_whoever_waits_goes_on_when_an_attempt_is_cancelled(self) -> None:
        client, connections = self.client(self.hanging_url(), connections_max=1)
        first, second = (
            as_deferred(client.call("GET", target, timeout_s=600)) for target in ("/x", "/y")
        )
        assert len(connections._waiting) == 1

        first.cancel()
        await self.assertFailure(first, CancelledError)

        assert len(connections._waiting) == 0
        second.cancel()
        await self.assertFailure(second, CancelledError)

    async def test_closing_ends_what_waits(self) -> None:
        client, connections = self.client(connections_max=1)
        self.answer = lambda _: None
        calls: list[Deferred[Any]] = [
            as_deferred(client.call("GET", f"/{number}")) for number in range(3)
        ]
        await until(lambda: self.requests, "the first")

        await connections.close()

        for call in calls:
            await self.assertFailure(call, NoAnswerError)
        await self.assertFailure(as_deferred(client.call("GET", "/late")), NoAnswerError)

    def test_urls_that_name_no_server_are_refused(self) -> None:
        for url in ("ftp://host", "host:8008", "http://", "http://host/path", "http://host:x"):
            with pytest.raises(ConfigError, match=r"of the form http://host:port"):
                Connections(reactor, url)

    async def test_media_that_is_no_mxc_uri_is_never_asked_for(self) -> None:
        client, _ = self.client()

        for uri in (
            "",
            "mxc://",
            "mxc://server",
            "mxc://server/",
            "https://server/id",
            "server/id",
        ):
            failing = as_deferred(client.download(uri, user=BOT, bytes_max=10))
            await self.assertFailure(failing, MatrixError)

        assert self.requests == []
