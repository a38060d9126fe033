"""Writing at once, on real sockets: what comes out is what was written, in its order."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase

from tests.integration.veche.rig import until
from tests.support.processes import TIMEOUT_S
from veche.runtime.web.connecting import writer_of

reactor: Any = default_reactor

LARGE = 16 << 20
"""More than a socket's buffers take."""


class _Accepted(Protocol):
    def __init__(self, case: WritingTests) -> None:
        self._case = case

    def connectionMade(self) -> None:
        self._case.accepted.append(self)


class WritingTests(TestCase):
    timeout = TIMEOUT_S

    async def connected(self) -> tuple[Any, socket.socket]:
        """The transport of a connection, and its other end, which the test reads itself."""
        self.accepted: list[_Accepted] = []
        factory = Factory.forProtocol(lambda: _Accepted(self))
        factory.noisy = False
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        other = socket.create_connection(("127.0.0.1", port.getHost().port))
        self.addCleanup(other.close)
        await until(lambda: self.accepted, "the connection")
        transport: Any = self.accepted[0].transport
        self.addCleanup(transport.abortConnection)
        return transport, other

    async def test_what_the_socket_takes_is_written_before_the_reactor_goes_on(self) -> None:
        transport, other = await self.connected()
        write = writer_of(transport)

        write(b"one ")
        write(b"two")

        assert other.recv(100) == b"one two"
        assert transport not in reactor.getWriters()

    async def test_what_it_does_not_take_follows_in_order(self) -> None:
        transport, other = await self.connected()
        write = writer_of(transport)
        other.setblocking(False)
        parts = [b"a" * LARGE, b"b" * 10, b"c" * LARGE, b"d"]
        for part in parts:
            write(part)
        found = bytearray()

        def read() -> bool:
            try:
                found.extend(other.recv(1 << 20))
            except BlockingIOError:
                return False
            return len(found) >= sum(map(len, parts))

        await until(read, "all of it")

        assert bytes(found) == b"".join(parts)

    async def test_writing_to_a_connection_that_broke_raises_nothing(self) -> None:
        transport, other = await self.connected()
        write = writer_of(transport)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        other.close()
        await until(lambda: not transport.connected, "the end of it")

        write(b"nobody hears this")

    def test_any_other_transport_is_handed_what_is_written(self) -> None:
        transport = StringTransport()

        writer_of(transport)(b"one")

        assert transport.value() == b"one"
