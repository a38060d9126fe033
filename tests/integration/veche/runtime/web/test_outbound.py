"""The client for addresses that others name, against a server that means no good."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.support.foreign import Names, answer, certificate, foreign
from tests.support.processes import TIMEOUT_S
from veche.protocol.errors import UnavailableError
from veche.runtime.web import outbound
from veche.runtime.web.http_client import AnswerTooLargeError, NoAnswerError
from veche.runtime.web.outbound import (
    ANSWER_BYTES_MAX,
    LOOKUPS_MAX,
    Outbound,
    OutboundRefusedError,
    Place,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.runtime.web.outbound import Network

LOOPBACK = ip_network("127.0.0.0/8")
PUBLIC = "93.184.215.14"


class OutboundTest(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        self.certificate = certificate(self, "localhost", "example.org", "127.0.0.1")
        self.server = foreign(self, self.certificate)

    def client(self, *allowed: Network, network: Any = reactor) -> Outbound:
        return Outbound(network, allowed=allowed, trust_root=self.certificate)

    def place(self, host: str = "127.0.0.1", name: str = "") -> Place:
        return Place(host, self.server.port, name or f"{host}:{self.server.port}")

    async def test_an_allowed_network_is_asked(self) -> None:
        self.server.answers["/x"] = answer(200, b'{"a": 1}')

        got = await self.client(LOOPBACK).get(self.place("localhost"), "/x?y=%20z")

        assert (got.status, got.body) == (200, b'{"a": 1}')
        assert self.server.seen == ["GET /x?y=%20z HTTP/1.1"]
        assert self.server.hosts == [f"localhost:{self.server.port}"]

    async def test_our_own_network_is_not_connected_to_whatever_it_is_called(self) -> None:
        # A system that does not know such a name has no address for it, which is as good.
        refusals = (OutboundRefusedError, NoAnswerError)
        for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0.0.0.0"):  # noqa: S104
            with pytest.raises(refusals):
                await self.client().get(self.place(host), "/")
        for host in ("[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"):
            with pytest.raises(OutboundRefusedError):
                await self.client(LOOPBACK).get(self.place(host), "/")

        assert self.server.connected == 0

    async def test_a_name_is_looked_up_once_and_what_was_judged_is_connected_to(self) -> None:
        network = Names({"example.org": [PUBLIC]})
        resolve = network.resolveHostName

        def rebind(*args: Any, **more: Any) -> None:
            resolve(*args, **more)
            network.names["example.org"] = ["127.0.0.1"]

        network.resolveHostName = rebind  # type: ignore[method-assign]  # as a hostile server does

        with pytest.raises(NoAnswerError):
            await self.client(network=network).get(self.place("example.org"), "/")

        assert network.asked == ["example.org"]
        assert network.connected == [(PUBLIC, self.server.port)]

    async def test_of_several_addresses_only_public_ones_are_connected_to(self) -> None:
        addresses = ["10.0.0.1", PUBLIC, "127.0.0.1", "::1", "2606:4700::1111"]
        network = Names({"example.org": addresses})

        with pytest.raises(NoAnswerError):
            await self.client(network=network).get(self.place("example.org"), "/")

        assert [address for address, _ in network.connected] == [PUBLIC, "2606:4700::1111"]

    async def test_no_redirect_is_followed(self) -> None:
        other = foreign(self, self.certificate)
        for status in (301, 302, 303, 307, 308):
            where = f"https://127.0.0.1:{other.port}/"
            self.server.answers["/x"] = answer(status, b"", Location=where)

            with pytest.raises(OutboundRefusedError, match="redirects"):
                await self.client(LOOPBACK).get(self.place(), "/x")

        assert (other.connected, len(self.server.seen)) == (0, 5)

    async def test_an_answer_has_a_bound(self) -> None:
        fits = b"x" * ANSWER_BYTES_MAX
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        client = self.client(LOOPBACK)
        self.server.answers["/fits"] = answer(200, fits)
        self.server.answers["/said"] = answer(200, fits + b"x")
        self.server.answers["/chunked"] = chunked + chunk * 5
        self.server.answers["/unsaid"] = b"HTTP/1.1 200 OK\r\n\r\n" + fits + b"xxx"
        self.server.answers["/head"] = b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1 << 20)
        self.server.answers["/heads"] = b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * (1 << 18)

        assert (await client.get(self.place(), "/fits")).body == fits
        for path in ("/said", "/chunked", "/unsaid", "/heads"):
            with pytest.raises(AnswerTooLargeError):
                await client.get(self.place(), path)
        with pytest.raises(UnavailableError):
            await client.get(self.place(), "/head")

    async def test_a_slow_server_is_left(self) -> None:
        client = Outbound(reactor, allowed=[LOOPBACK], trust_root=self.certificate, timeout_s=0.3)
        drip: Sequence[bytes] = [b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", *[b"x"] * 9000]
        self.server.answers |= {"/silent": None, "/drip": drip}

        for path in ("/silent", "/drip"):
            with pytest.raises(NoAnswerError, match="does not answer"):
                await client.get(self.place(), path)

    async def test_only_so_many_are_asked_at_a_time(self) -> None:
        self.patch(outbound, "TIMEOUT_S", 5.0)  # type: ignore[no-untyped-call]  # trial's
        self.patch(outbound, "RUNNING_MAX", 2)  # type: ignore[no-untyped-call]  # trial's
        self.server.answers |= {"/drip": [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 0\r\n\r\n"]}
        client = self.client(LOOPBACK)

        running = [Deferred.fromCoroutine(client.get(self.place(), "/drip")) for _ in range(2)]
        with pytest.raises(NoAnswerError, match="too many"):
            await client.get(self.place(), "/drip")

        assert [one.status for one in await gatherResults(running)] == [200, 200]
        assert (await client.get(self.place(), "/drip")).status == 200

    async def test_the_certificate_must_be_trusted_and_of_the_name(self) -> None:
        stranger = Outbound(reactor, allowed=[LOOPBACK])
        self.server.answers["/x"] = answer(200, b"{}")

        for client, name in ((stranger, "localhost"), (self.client(LOOPBACK), "example.com")):
            with pytest.raises(NoAnswerError):
                await client.get(self.place("127.0.0.1", name), "/x")

        assert self.server.seen == []
        assert (await self.client(LOOPBACK).get(self.place(name="example.org"), "/x")).status == 200

    async def test_what_is_no_http_is_no_answer(self) -> None:
        said = {
            "/words": b"hello there\r\n\r\n",
            "/length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "/chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        }
        self.server.answers |= said

        for path in said:
            with pytest.raises(NoAnswerError):
                await self.client(LOOPBACK).get(self.place(), path)

    async def test_nothing_is_smuggled_into_the_request(self) -> None:
        client = self.client(LOOPBACK)
        for target in ("x", "", "/a b", "/a\r\nX: y", "/é", "http://other/"):
            with pytest.raises(OutboundRefusedError):
                await client.get(self.place(), target)
        bad = ("a\r\nX: y", "a b", "é.org", "a..b", ".", "", "a" * 64 + ".org", "a." * 130 + "a")
        for name in bad:
            with pytest.raises(OutboundRefusedError):
                await client.get(self.place("127.0.0.1", name or "."), "/")
            with pytest.raises(OutboundRefusedError):
                await client.get(Place(name, self.server.port, "localhost"), "/")

        assert self.server.connected == 0

    async def test_a_name_without_address_is_no_answer(self) -> None:
        with pytest.raises(NoAnswerError, match="no such server"):
            await self.client(network=Names({})).get(self.place("example.org"), "/")

    async def test_names_that_nobody_answers_leave_threads_for_others(self) -> None:
        network = Names({"good.example": [PUBLIC]})
        stuck: list[Any] = []

        def resolve(receiver: Any, *_: Any, **__: Any) -> None:
            stuck.append(receiver)
            receiver.resolutionBegan(network)

        answered = network.resolveHostName
        network.resolveHostName = resolve  # type: ignore[method-assign]  # as a server that is silent
        client = self.client(network=network)
        waiting = [
            Deferred.fromCoroutine(client.get(self.place(f"{number}.example"), "/"))
            for number in range(LOOKUPS_MAX)
        ]
        network.resolveHostName = answered  # type: ignore[method-assign]
        for one in waiting:
            one.cancel()  # as our deadline does
            one.addErrback(lambda _: None)

        with pytest.raises(NoAnswerError, match="too many names"):
            await client.get(self.place("good.example"), "/")
        for receiver in stuck:
            receiver.resolutionComplete()
        with pytest.raises(NoAnswerError, match="no connection"):
            await client.get(self.place("good.example"), "/")
        assert network.asked == ["good.example"]
