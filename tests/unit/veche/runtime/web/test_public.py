"""The public site: its addresses, who asks, and where a request goes on."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import attrs
import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource

from tests.support.tables import each_row
from tests.support.web import WebTestCase
from veche.protocol.errors import ConfigError
from veche.runtime.web.public import (
    DRAIN_S_MAX,
    HEADERS,
    UNKNOWN,
    PageLinks,
    PublicRoot,
    PublicSite,
    client_address,
)

LINKS = PageLinks("https://veche.example.org")


@each_row(
    ("link", "path"),
    [
        (LINKS.page("services"), "/services"),
        (LINKS.page("services", "town", "birth-certificate"), "/services/town/birth-certificate"),
        (LINKS.page("services", "../a b", "ж/%2F?#"), "/services/..%2Fa%20b/%D0%B6%2F%252F%3F%23"),
        (LINKS.page("cases", "01ABC"), "/cases/01ABC"),
        (LINKS.page("cases", "a/../b"), "/cases/a%2F..%2Fb"),
        (LINKS.sign_in(), "/signin"),
        (LINKS.sign_in("Ab-_9"), "/signin#Ab-_9"),
        (LINKS.sign_in("a#b&c"), "/signin#a%23b%26c"),
        (LINKS.keys(), "/keys"),
        (LINKS.page("verify"), "/verify"),
        (LINKS.page("sign", fragment="s=1&p=p1"), "/sign#s=1&p=p1"),
    ],
)
def test_each_page_has_its_address(link: str, path: str) -> None:
    assert link == f"https://veche.example.org{path}"


def test_a_slash_at_the_end_of_the_origin_is_not_doubled() -> None:
    assert PageLinks("http://localhost:8090/").keys() == "http://localhost:8090/keys"


def test_the_address_of_an_approval_has_its_nonce_alone() -> None:
    assert LINKS.approve("a" * 32) == f"https://veche.example.org/approve#{'a' * 32}"


def test_a_widget_address_has_what_the_client_fills_in() -> None:
    for link, path in (
        (LINKS.widget(), "/widget"),
        (LINKS.widget("wallet"), "/wallet/widget"),
        (LINKS.widget("sign"), "/sign/widget"),
    ):
        parts = urlsplit(link)
        assert parts.path == path
        assert "theme=$org.matrix.msc2873.client_theme" in parts.query
        assert "lang=$org.matrix.msc2873.client_language" in parts.query


@attrs.define
class FakeRequest:
    """As far as one looks at a request to see who asks."""

    peer: Any
    forwarded: list[bytes] = attrs.field(factory=list)

    def getClientAddress(self) -> Any:
        return self.peer

    @property
    def requestHeaders(self) -> Headers:
        return Headers({b"x-forwarded-for": self.forwarded} if self.forwarded else {})


def who(peer: Any, *forwarded: bytes, trust: bool = True) -> str:
    request: Any = FakeRequest(peer, list(forwarded))
    return client_address(request, trust_forwarded=trust)


def tcp(host: str) -> Any:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, 1)


@each_row(
    ("host", "shown"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::1", "::/64"),
    ],
)
def test_an_ipv6_network_counts_as_one(host: str, shown: str) -> None:
    assert who(tcp(host)) == shown
    assert who(tcp("10.0.0.1"), host.encode()) == shown


@each_row(
    ("forwarded", "shown"),
    [
        ([b"192.0.2.7"], "192.0.2.7"),
        ([b"1.1.1.1, 192.0.2.7"], "192.0.2.7"),
        ([b"1.1.1.1", b"2.2.2.2,192.0.2.7"], "192.0.2.7"),
        ([b"192.0.2.7:4711"], "192.0.2.7"),
        ([b"[2001:db8::1]:4711"], "2001:db8::/64"),
        ([b"[2001:db8::1]"], "2001:db8::/64"),
        ([b" 192.0.2.7 "], "192.0.2.7"),
        ([], "10.0.0.1"),
        ([b""], "10.0.0.1"),
        ([b"1.1.1.1,"], "10.0.0.1"),
        ([b"unknown"], UNKNOWN),
        ([b"999.1.1.1"], UNKNOWN),
        ([b"192.0.2.7; drop"], UNKNOWN),
        ([b"\xff\xfe"], UNKNOWN),
        ([b"1" * 10_000], UNKNOWN),
        ([b"["], UNKNOWN),
    ],
)
def test_what_the_proxy_appended_counts_and_nothing_before_it(
    forwarded: list[bytes], shown: str
) -> None:
    assert who(tcp("10.0.0.1"), *forwarded) == shown


def test_without_a_proxy_nobody_says_who_they_are() -> None:
    assert who(tcp("10.0.0.1"), b"192.0.2.7", trust=False) == "10.0.0.1"


def test_who_comes_by_something_else_than_a_network_is_unknown() -> None:
    assert who(object()) == UNKNOWN


class Named(Resource):
    """Says its name and the path that is left to it."""

    isLeaf = True

    def __init__(self, name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted: not annotated
        self.name = name

    def render(self, request: Any) -> bytes:
        left = [part.decode() for part in request.postpath]
        before = [part.decode() for part in request.prepath]
        return json.dumps([self.name, before, left]).encode()


class RootTests(WebTestCase):
    def setUp(self) -> None:
        self.root = PublicRoot(
            {"_veche/a/v1": Named("a"), "_veche/b/long/v1": Named("b"), "": Named("pages")}
        )

    def where(self, path: str) -> Any:
        return self.request(self.root, "GET", path)[1]

    def test_an_api_gets_what_is_below_its_path(self) -> None:
        assert self.where("/_veche/a/v1/x/y?z=1") == ["a", ["_veche", "a", "v1"], ["x", "y"]]
        assert self.where("/_veche/b/long/v1/x") == ["b", ["_veche", "b", "long", "v1"], ["x"]]

    def test_what_is_well_known_is_served_where_others_look_for_it(self) -> None:
        root = PublicRoot({".well-known/veche/a": Named("a"), "": Named("pages")})
        found = self.request(root, "GET", "/.well-known/veche/a")

        assert found[1] == ["a", [".well-known", "veche", "a"], [""]]
        assert self.request(root, "GET", "/.well-known/veche/b")[0] == 404
        assert self.request(root, "GET", "/.well-known")[0] == 404

    def test_an_api_gets_its_own_path_with_and_without_a_slash(self) -> None:
        for path in ("/_veche/a/v1", "/_veche/a/v1/"):
            assert self.where(path) == ["a", ["_veche", "a", "v1"], [""]]

    def test_what_is_for_no_api_is_for_the_pages_with_its_whole_path(self) -> None:
        for path in ("/", "/services/a/b", "/_vech", "//x", "/%2e%2e/x", "/x_veche/a/v1"):
            name, before, left = self.where(path)
            assert (name, before) == ("pages", [])
            assert left[0] == unquote(path[1:].split("/", maxsplit=1)[0])

    def test_no_trick_leads_to_an_api(self) -> None:
        for path in (
            "/_veche",
            "/_veche/",
            "/_veche/a",
            "/_veche/a/",
            "/_veche/a/v2",
            "/_veche/a/v1x",
            "/_veche//a/v1",
            "/_veche/a//v1",
            "/_veche/a/v1//x",
            "/_veche/a/v1/x//",
            "/_veche/./a/v1",
            "/_veche/x/../a/v1",
            "/_veche/a%2Fv1",
            "/_veche/a%2Fv1/x",
            "/_veche/b/long%2Fv1",
            "/_veche/A/v1",
            "/_veche/a%00/v1",
            "/_veche/a/v1%00",
            "/_veche/a/v1/%ff",
            "/_veche/%ff/v1",
        ):
            code, answer = self.request(self.root, "GET", path)
            assert (code, answer.get("errcode")) == (404, "M_UNRECOGNIZED"), path

    def test_an_api_in_one_encoded_segment_is_a_page(self) -> None:
        assert self.where("/_veche%2Fa%2Fv1")[0] == "pages"

    def test_without_pages_there_is_a_page_that_says_so(self) -> None:
        root = PublicRoot({"_veche/a/v1": Named("a")})
        connection = Site(root)
        assert b"404" in connection.get("/").partition(b"\r\n")[0]
        assert b"There is no such page" in connection.get("/x")


@each_row(
    "paths",
    [
        ["x/v1"],
        ["_vecheaa/v1"],
        [".well-known/matrix/client"],
        ["/_veche/a"],
        ["_veche/a", "_veche/a/v1"],
        ["_veche/a/v1", "_veche/a"],
        ["_veche/a/"],
        ["_veche//a"],
        ["_veche/"],
    ],
)
def test_paths_that_are_none_or_below_one_another_are_refused(paths: list[str]) -> None:
    with pytest.raises(ConfigError, match="no service may serve"):
        PublicRoot({path: Named(path) for path in paths})


@pytest.mark.parametrize("paths", [["_veche/a", "_veche/ab"], ["_veche/a/v1", "_veche/a/v2"]])
def test_paths_beside_one_another_are_fine(paths: list[str]) -> None:
    PublicRoot({path: Named(path) for path in paths})


class Site:
    """The site on a memory reactor."""

    def __init__(self, root: Any) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.site = PublicSite(root, self.reactor, "127.0.0.1", [8090])
        self.site.listen()
        self.factory: Any = self.reactor.tcpServers[0][1]

    def send(self, data: bytes) -> Any:
        channel = self.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        transport: Any = StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(data)
        return transport

    def get(self, path: str) -> bytes:
        answer: bytes = self.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()).value()
        return answer


class Bug(Resource):
    isLeaf = True

    def render(self, request: Any) -> bytes:
        raise ValueError(str(request))


class Slow(Resource):
    isLeaf = True

    def render(self, request: Any) -> int:
        self.request = request
        return 1  # NOT_DONE_YET


@each_row(
    ("path", "status"),
    [("/_veche/a/v1", 200), ("/_veche/x", 404), ("/", 200), ("/_veche/bug/v1", 500)],
)
def test_every_answer_has_the_headers_of_the_public_site(path: str, status: int) -> None:
    bug: Any = Bug
    root = PublicRoot({"_veche/a/v1": Named("a"), "_veche/bug/v1": bug(), "": Named("pages")})
    answer = Site(root).get(path)
    head = answer.partition(b"\r\n\r\n")[0].lower()

    assert head.startswith(b"http/1.1 %d " % status)
    for name, value in HEADERS:
        assert head.count(b"\r\n%b: %b" % (name, value)) == 1
    assert b"access-control" not in head
    assert b"set-cookie" not in head


def test_a_site_that_stops_waits_for_answers_but_not_for_ever() -> None:
    slow: Any = Slow
    resource = slow()
    for is_answered in (True, False):
        site = Site(PublicRoot({"": resource}))
        site.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")

        stopping = Deferred.fromCoroutine(site.site.stop())
        assert not stopping.called
        if is_answered:
            resource.request.finish()
        else:
            site.reactor.advance(DRAIN_S_MAX)

        assert stopping.called


def test_a_site_stops_twice_and_before_it_listens() -> None:
    site = PublicSite(Resource(), MemoryReactorClock(), "127.0.0.1", [0])
    for _ in range(2):
        assert Deferred.fromCoroutine(site.stop()).called


def test_a_site_listens_on_all_of_its_ports_and_stops_on_all() -> None:
    reactor: Any = MemoryReactorClock()
    site = PublicSite(Resource(), reactor, "127.0.0.1", [8090, 8091])
    site.listen()

    assert [server[0] for server in reactor.tcpServers] == [8090, 8091]
    assert site.is_listening
    assert Deferred.fromCoroutine(site.stop()).called
    assert not site.is_listening
