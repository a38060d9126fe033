"""Whose an OpenID token is: homeservers that are found, honest ones and others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DNSNameError
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import TestCase

from tests.support.foreign import Names, answer, certificate, foreign
from tests.support.processes import TIMEOUT_S
from veche.access.sessions import OpenIdToken, SignInRefusedError, openid
from veche.access.sessions.discovery import Discovery, DnsSrv
from veche.access.sessions.openid import USERINFO, Homeservers
from veche.protocol.errors import MalformedError, UnavailableError
from veche.runtime.matrix.client import MatrixError
from veche.runtime.web import outbound
from veche.runtime.web.outbound import ANSWER_BYTES_MAX, Outbound

if TYPE_CHECKING:
    from collections.abc import Sequence

PUBLIC = "93.184.215.14"
OTHER = "192.0.3.7"
WELL_KNOWN = "/.well-known/matrix/server"
SRV = "_matrix-fed._tcp.example.org"


@attrs.define
class FakeClient:
    """Our own homeserver."""

    says: Any
    asked: list[object] = attrs.field(factory=list)

    async def get_as_nobody(self, path: str, query: object, *, timeout_s: float) -> Any:
        assert timeout_s <= 10
        self.asked.append((path, query))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@attrs.define
class FakeSrv:
    """Records of the name service."""

    records: dict[str, Sequence[tuple[str, int]]]
    asked: list[str] = attrs.field(factory=list)

    async def targets(self, name: str) -> Sequence[tuple[str, int]]:
        self.asked.append(name)
        return self.records.get(name, ())


class OpenIdTest(TestCase):
    """Every public address of these tests leads to one server of ours."""

    timeout = TIMEOUT_S

    def setUp(self) -> None:
        self.certificate = certificate(self, "example.org", "matrix.example.org", PUBLIC)
        self.server = foreign(self, self.certificate)
        self.names = {"example.org": [PUBLIC], "matrix.example.org": [OTHER]}
        self.srv = FakeSrv({})
        self.client = FakeClient({"sub": "@alice:veche.test"})
        self.network = self.homeservers_network()

    def homeservers_network(self, **names: Sequence[str]) -> Names:
        ports = dict.fromkeys((443, 8448, 4433), self.server.port)
        return Names({**self.names, **names}, ports, elsewhere="127.0.0.1")

    async def person(self, server: str = "example.org", token: str = "a b&c=d") -> str:  # noqa: S107
        whole = OpenIdToken.model_construct(access_token=token, matrix_server_name=server)
        return await self.homeservers().person_of(whole)

    def homeservers(self) -> Homeservers:
        client: Any = self.client
        out = Outbound(self.network, trust_root=self.certificate)
        discovery = Discovery(out, self.srv)
        network: Any = self.network
        return Homeservers(network, client, "veche.test", out, discovery)

    def says(self, content: object, status: int = 200) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.server.answers[USERINFO] = answer(status, body)

    async def refused(self, **how: str) -> None:
        with pytest.raises(SignInRefusedError):
            await self.person(**how)

    # Ours

    async def test_our_own_homeserver_is_asked_where_the_operator_says(self) -> None:
        assert await self.person("veche.test") == "@alice:veche.test"

        assert self.client.asked == [(USERINFO, {"access_token": "a b&c=d"})]
        assert (self.network.asked, self.network.connected) == ([], [])

    async def test_our_own_homeserver_speaks_for_its_own_alone(self) -> None:
        subjects: list[Any] = ["@alice:example.org", "@alice:VECHE.test", "alice", "", None, 7, []]
        refusal = MatrixError(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "no"})
        for says in (*({"sub": one} for one in subjects), {}, [], "x", refusal):
            self.client.says = says
            await self.refused(server="veche.test")

    async def test_our_own_homeserver_may_be_asked_again_later(self) -> None:
        self.client.says = MatrixError(502, {"errcode": "M_UNKNOWN", "error": "?"})

        with pytest.raises(UnavailableError, match="in trouble"):
            await self.person("veche.test")

    async def test_a_listener_without_openid_is_told_to_the_operator(self) -> None:
        self.client.says = MatrixError(404, {"errcode": "M_UNRECOGNIZED", "error": "?"})

        with self.assertLogs(openid.logger, "WARNING") as logged:
            await self.refused(server="veche.test")

        assert "add the resource `openid`" in logged.output[0]

    # Others

    async def test_another_homeserver_is_found_and_asked(self) -> None:
        self.says({"sub": "@bob:example.org", "more": 1})

        assert await self.person() == "@bob:example.org"

        assert self.network.connected == [(PUBLIC, 443), (PUBLIC, 8448)]
        assert self.server.seen[1] == f"GET {USERINFO}?access_token=a+b%26c%3Dd HTTP/1.1"
        assert self.server.hosts == ["example.org", "example.org"]
        assert self.srv.asked == [SRV]

    async def test_where_it_says_it_is(self) -> None:
        self.says({"sub": "@bob:example.org"})
        for said, place in {
            "matrix.example.org:4433": (OTHER, 4433),
            "matrix.example.org": (OTHER, 8448),
            f"{PUBLIC}:4433": (PUBLIC, 4433),
        }.items():
            body = json.dumps({"m.server": said}).encode()
            self.server.answers[WELL_KNOWN] = answer(200, body)

            assert await self.person() == "@bob:example.org"

            assert self.network.connected[-1] == place
            assert self.server.hosts[-1] == said

    async def test_by_its_name_or_by_the_record_of_it(self) -> None:
        self.says({"sub": "@bob:example.org"})
        self.srv.records[SRV] = [("matrix.example.org", 4433), ("example.org", 1)]
        assert await self.person() == "@bob:example.org"
        assert (self.network.connected[-1], self.server.hosts[-1]) == ((OTHER, 4433), "example.org")

        self.says({"sub": "@bob:example.org:4433"})
        assert await self.person("example.org:4433") == "@bob:example.org:4433"
        self.says({"sub": f"@bob:{PUBLIC}"})
        assert await self.person(PUBLIC) == f"@bob:{PUBLIC}"
        assert self.network.connected[-1] == (PUBLIC, 8448)

    async def test_a_record_may_say_that_nobody_answers(self) -> None:
        self.srv.records[SRV] = [(".", 0)]
        await self.refused()

    async def test_a_broken_well_known_says_nothing(self) -> None:
        self.says({"sub": "@bob:example.org"})
        bodies = [
            b"",
            b"{",
            b"[]",
            b"{}",
            b'{"m.server": 7}',
            b'{"m.server": "a b"}',
            b"[" * 60_000,
        ]
        for said in (answer(404, b"{}"), answer(301, b"", Location="/x"), *map(_ok, bodies)):
            self.server.answers[WELL_KNOWN] = said
            assert await self.person() == "@bob:example.org"

    async def test_nobody_speaks_for_users_of_another_server(self) -> None:
        for subject in (
            "@alice:veche.test",
            "@bob:matrix.example.org",
            "@bob:example.org:443",
            "@bob:EXAMPLE.org",
            "@bob:example.org ",
            "bob:example.org",
            "",
            None,
            7,
            ["@bob:example.org"],
        ):
            self.says({"sub": subject})
            await self.refused()

    async def test_an_answer_that_is_none_is_refused(self) -> None:
        for body in (b"", b"{", b"[]", b'"@bob:example.org"', b"null", b"[" * 60_000):
            self.says(body)
            await self.refused()
        for status in (201, 204, 400, 401, 403, 404):
            self.says({"sub": "@bob:example.org"}, status)
            await self.refused()

    async def test_a_server_in_trouble_may_be_asked_again(self) -> None:
        self.says({}, 502)
        with pytest.raises(UnavailableError, match="in trouble"):
            await self.person()

    async def test_no_redirect_is_followed(self) -> None:
        self.server.answers[USERINFO] = answer(302, b"", Location="https://example.org/x")
        self.server.answers["/x"] = answer(200, b'{"sub": "@bob:example.org"}')

        await self.refused()

        assert not any("/x" in line for line in self.server.seen)

    async def test_a_huge_answer_is_not_read(self) -> None:
        self.says(json.dumps({"sub": "@bob:example.org"}).encode() + b" " * ANSWER_BYTES_MAX)

        with pytest.raises(UnavailableError):
            await self.person()

    async def test_a_slow_server_is_left_after_all_its_steps(self) -> None:
        self.patch(openid, "TIMEOUT_S", 0.5)  # type: ignore[no-untyped-call]  # trial's
        for slow in (WELL_KNOWN, USERINFO):
            self.server.answers = {slow: None}
            with pytest.raises(UnavailableError, match="does not answer"):
                await self.person()

        # Two that are each just in time are too slow together.
        self.patch(outbound, "TIMEOUT_S", 0.4)  # type: ignore[no-untyped-call]  # trial's
        self.server.answers = {WELL_KNOWN: None, USERINFO: None}
        with pytest.raises(UnavailableError, match="homeserver does not answer"):
            await self.person()

    async def test_so_many_servers_are_asked_at_a_time_and_no_more(self) -> None:
        self.patch(openid, "TIMEOUT_S", 0.5)  # type: ignore[no-untyped-call]  # trial's
        self.patch(openid, "ASKING_MAX", 2)  # type: ignore[no-untyped-call]  # trial's
        self.server.answers = {WELL_KNOWN: None}
        asked = OpenIdToken.model_construct(access_token="a", matrix_server_name="example.org")
        ours = self.homeservers()
        waiting = [Deferred.fromCoroutine(ours.person_of(asked)) for _ in range(2)]

        with pytest.raises(UnavailableError, match="Too many people"):
            await ours.person_of(asked)

        for one in waiting:
            await self.assertFailure(one, UnavailableError)
        with pytest.raises(UnavailableError, match="does not answer"):
            await ours.person_of(asked)

    async def test_a_server_at_a_private_address_is_not_asked(self) -> None:
        private = ["10.0.0.1", "127.0.0.1", "::1", "169.254.169.254"]
        self.network = self.homeservers_network(**{"evil.example": private})
        for server in ("evil.example", "evil.example:8448", "10.0.0.1", "[::1]:443"):
            await self.refused(server=server)

        for server in (*private[:2], "[::1]", "[::ffff:127.0.0.1]"):
            await self.refused(server=server)

        assert (self.network.connected, self.server.connected) == ([], 0)

    async def test_nor_is_one_that_says_it_is_there(self) -> None:
        self.network = self.homeservers_network(**{"in.side": ["::1"]})
        for said in ("10.0.0.1", "10.0.0.1:8448", "in.side:443"):
            body = json.dumps({"m.server": said}).encode()
            self.server.answers[WELL_KNOWN] = answer(200, body)
            await self.refused()
        self.server.answers = {}
        self.srv.records[SRV] = [("in.side", 8448)]
        await self.refused()

        assert {port for _, port in self.network.connected} == {443}

    async def test_what_is_no_name_is_told(self) -> None:
        for server in ("", "a b", "example.org/", "@alice:example.org", "a:b:c"):
            with pytest.raises(MalformedError, match="matrix_server_name"):
                await self.person(server)
        await self.refused(server="a..b")
        await self.refused(server="a" * 64 + ".org")


def _ok(body: bytes) -> bytes:
    return answer(200, body)


class Zone(ResolverBase):
    """A name server with a few records."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        rows = [(20, 0, 1, b"last"), (10, 1, 2, b"b"), (10, 5, 3, b"a")]
        self.records = {b"_matrix-fed._tcp.example.org": rows}

    def _lookup(self, name: bytes, cls: int, type: int, timeout: object) -> Any:  # noqa: A002 -- Twisted's
        del cls, timeout
        found = self.records.get(name.lower(), ())
        if type != dns.SRV or not found:
            return fail(DNSNameError(name))
        rows = [
            dns.RRHeader(name, dns.SRV, payload=dns.Record_SRV(priority, weight, port, target))
            for priority, weight, port, target in found
        ]
        return succeed((rows, [], []))


class SrvTest(TestCase):
    timeout = TIMEOUT_S

    def srv(self) -> DnsSrv:
        network: Any = reactor
        factory: Any = DNSServerFactory(clients=[Zone()])
        factory.noisy = False
        protocol: Any = dns.DNSDatagramProtocol(controller=factory)
        port = network.listenUDP(0, protocol, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return DnsSrv(reactor, [("127.0.0.1", port.getHost().port)])

    async def test_records_come_the_best_first(self) -> None:
        found = await self.srv().targets("_matrix-fed._tcp.example.org")

        assert list(found) == [("a", 3), ("b", 2), ("last", 1)]

    async def test_without_record_or_server_there_is_none(self) -> None:
        assert list(await self.srv().targets("_matrix-fed._tcp.example.com")) == []
        assert list(await DnsSrv(reactor, []).targets("example.org")) == []
