"""What is too large is cut, and the stream goes on; a message is sent once the server says so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from bridges.core.errors import AwayError, PermanentError, UncertainError
from bridges.xmpp.stream import ANSWER_S_MAX, ELEMENT_SIZE, STANZA_SIZE_MAX, Link, _Streams

if TYPE_CHECKING:
    from bridges.xmpp.core import Stanza

DOMAIN: Final = "office.xmpp.test"
HELLO: Final = "<message from='ann@x.test' to='o@office.xmpp.test' id='2'><body>Hi</body></message>"
ELEMENTS_MAX: Final = STANZA_SIZE_MAX // (ELEMENT_SIZE + 10)


@attrs.define
class Server:
    """The server's end of a connection that is open.

    Attributes:
        heard: What the bridge was given.
    """

    heard: list[Stanza] = attrs.field(factory=list)
    clock: Clock = attrs.field(factory=Clock)
    transport: StringTransport = attrs.field(factory=StringTransport)
    link: Link = attrs.field(init=False)
    stream: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.link = Link(self.clock, ("127.0.0.1", 1), DOMAIN, "secret", self.heard.append)
        self.stream = _Streams(self.link, "secret").buildProtocol(None)
        self.stream.makeConnection(self.transport)
        self.says(
            "<stream:stream xmlns='jabber:component:accept' id='1' from='office.xmpp.test'"
            " xmlns:stream='http://etherx.jabber.org/streams'><handshake/>"
        )
        self.transport.clear()

    def says(self, markup: str) -> None:
        """Write to the bridge."""
        self.stream.dataReceived(markup.encode())

    def pongs(self) -> None:
        """Send the last ping of the bridge back."""
        self.says("<iq" + self.transport.value().decode().rpartition("<iq")[2])

    def sends(self) -> Deferred[None]:
        """Have the bridge send a message."""
        return Deferred.fromCoroutine(self.link.send("m", "<message id='m'/>"))


@pytest.mark.parametrize(
    "inside",
    [
        "<x/>" * ELEMENTS_MAX * 2,
        "<x>" * ELEMENTS_MAX * 2 + "</x>" * ELEMENTS_MAX * 2,
        "<x xmlns='a'><y:b xmlns:y='c'/></x>" * ELEMENTS_MAX,
        f"<body>{'a' * STANZA_SIZE_MAX}</body>",
        f"<x a='{'a' * STANZA_SIZE_MAX}'/>",
    ],
    ids=["elements", "depth", "namespaces", "text", "attribute"],
)
def test_what_is_too_large_is_cut_and_the_next_is_whole(inside: str) -> None:
    server = Server()
    server.says(f"<message from='eve@x.test' id='1'>{inside}</message>{HELLO}")

    bomb, hello = server.heard
    assert (bomb.id, bomb.is_cut, bomb.body, bomb.inside) == ("1", True, "", frozenset())
    assert (hello.id, hello.is_cut, hello.body) == ("2", False, "Hi")
    assert ("jabber:component:accept", "body") in hello.inside
    assert not server.transport.disconnecting


def test_what_is_just_not_too_large_is_whole() -> None:
    server = Server()
    words = "a" * (STANZA_SIZE_MAX - 3 * ELEMENT_SIZE)
    server.says(f"<message id='1'><body>{words}</body></message>")

    assert [one.body for one in server.heard] == [words]


def test_many_lines_cost_little() -> None:
    server = Server()
    began_s = time.process_time()
    server.says(f"<message id='1'><body>{'&#10;' * 250_000}</body></message>")

    assert len(server.heard[0].body) == 250_000
    assert time.process_time() - began_s < 2


def test_an_error_of_ours_does_not_end_the_stream() -> None:
    server = Server()
    server.link._heard = server.heard.remove  # there is none
    server.says(HELLO)

    assert not server.transport.disconnecting


def test_a_message_is_sent_once_the_ping_after_it_has_come_back() -> None:
    server = Server()
    ends: list[None] = []
    server.sends().addCallback(ends.append)
    assert not ends

    server.pongs()
    assert ends == [None]
    assert server.heard == []


def test_a_bounce_before_the_ping_fails_the_message() -> None:
    server = Server()
    sent = server.sends()
    assert server.link.refuse("m", PermanentError("gone"))

    failure = sent.addErrback(lambda failure: failure.type).result
    assert failure is PermanentError
    server.pongs()
    assert not server.link.refuse("m", PermanentError("gone"))


def test_a_connection_that_ends_leaves_what_was_written_uncertain() -> None:
    server = Server()
    sent = server.sends()
    server.stream.connectionLost()

    assert sent.addErrback(lambda failure: failure.type).result is UncertainError
    assert server.sends().addErrback(lambda failure: failure.type).result is AwayError


def test_a_server_that_says_nothing_counts_as_gone() -> None:
    server = Server()
    server.sends().addErrback(lambda _: None)
    server.clock.advance(ANSWER_S_MAX - 1)
    assert not server.transport.disconnecting
    server.clock.advance(1)

    assert server.transport.disconnecting


def test_the_operator_is_told_why_the_server_ends_the_stream() -> None:
    link = Link(Clock(), ("127.0.0.1", 1), DOMAIN, "secret", lambda _: None)
    assert link.trouble == "the XMPP server is not reached"
    stream = _Streams(link, "wrong").buildProtocol(None)
    stream.makeConnection(StringTransport())
    stream.dataReceived(
        b"<stream:stream xmlns='jabber:component:accept' id='1'"
        b" xmlns:stream='http://etherx.jabber.org/streams'><stream:error>"
        b"<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    )
    stream.connectionLost(Failure(ConnectionDone()))
    assert link.trouble == "the XMPP server ends the stream: not-authorized"

    assert Server().link.trouble == ""
