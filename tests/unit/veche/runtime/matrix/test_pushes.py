"""A connection of the homeserver: its pushes are read at once, everything else goes to the site."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.resource import Resource

from veche.protocol.errors import UnavailableError
from veche.runtime.matrix.pushes import HEAD_BYTES_MAX, Pushes
from veche.runtime.matrix.transactions import Transactions
from veche.runtime.web import ARRIVAL_S_MAX, IDLE_S_MAX, new_site

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET = b"/_matrix/app/v1/transactions/17"
EVENTS = [{"event_id": "$1"}]
LONG = b"".join(b"X-%d: %b\r\n" % (n, b"y" * (HEAD_BYTES_MAX // 4)) for n in range(4))
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class FakeTaker:
    def __init__(self) -> None:
        self.taken: list[object] = []
        self.ends: list[Deferred[None]] = []
        self.is_slow = False

    async def take(self, events: Sequence[object]) -> None:
        self.taken += events
        if self.is_slow:
            end: Deferred[None] = Deferred()
            self.ends.append(end)
            await end


class Line:
    """One connection to us."""

    def __init__(self) -> None:
        self.taker = FakeTaker()
        self.clock: Any = Clock()
        transactions = Transactions("secret", self.taker)
        root: Any = Resource()
        root.putChild(b"_matrix", transactions)
        site = new_site(root, self.clock, large_bodies=[transactions.large_body])
        self.transport: Any = StringTransport()
        pushes: Any = Pushes(site, transactions)
        self.protocol = pushes.buildProtocol(None)
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        """What comes back for some bytes."""
        self.protocol.dataReceived(data)
        answer: bytes = self.transport.value()
        self.transport.clear()
        return answer


@pytest.fixture
def line() -> Line:
    return Line()


def push(
    events: object = EVENTS,
    *,
    start: bytes = b"PUT " + TARGET + b" HTTP/1.1",
    token: bytes = b"Bearer secret",
    more: bytes = b"",
) -> bytes:
    body = json.dumps({"events": events}).encode()
    head = b"%b\r\nHost: x\r\nAuthorization: %b\r\nContent-Length: %d\r\n%b\r\n"
    return head % (start, token, len(body), more) + body


def test_a_push_is_taken_and_answered(line: Line) -> None:
    assert line.send(push()) == TAKEN
    assert line.taker.taken == EVENTS


def test_one_connection_carries_many(line: Line) -> None:
    assert line.send(push() * 3) == TAKEN * 3
    assert line.send(push()) == TAKEN
    assert line.taker.taken == EVENTS * 4


def test_it_may_come_byte_by_byte(line: Line) -> None:
    answers = [line.send(bytes([one])) for one in push()]

    assert answers == [b""] * (len(answers) - 1) + [TAKEN]


def test_the_answer_comes_after_the_events_are_stored_and_the_next_push_waits(line: Line) -> None:
    line.taker.is_slow = True
    assert line.send(push() * 2) == b""
    assert line.taker.taken == EVENTS

    line.taker.ends[0].callback(None)

    assert line.transport.value() == TAKEN
    assert line.taker.taken == EVENTS * 2


def test_what_was_not_stored_is_not_acknowledged(line: Line) -> None:
    line.taker.is_slow = True
    line.send(push())

    line.taker.ends[0].errback(UnavailableError("no room", retry_after_ms=1))

    assert line.transport.value().startswith(b"HTTP/1.1 503 ")


def test_a_failure_is_no_acknowledgement(line: Line) -> None:
    line.taker.is_slow = True
    line.send(push())

    line.taker.ends[0].errback(KeyError("a bug"))

    assert line.transport.value().startswith(b"HTTP/1.1 500 ")


def test_a_transaction_without_a_list_is_refused(line: Line) -> None:
    assert line.send(push("x")).startswith(b"HTTP/1.1 400 ")
    assert line.send(push()) == TAKEN


def test_nothing_is_written_to_a_homeserver_that_hung_up(line: Line) -> None:
    line.taker.is_slow = True
    line.send(push())
    line.protocol.connectionLost(None)

    line.taker.ends[0].callback(None)

    assert line.transport.value() == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (push(token=b"Bearer wrong"), 403),
        (push(start=b"PUT " + TARGET + b"/2 HTTP/1.1"), 404),
        (push(start=b"PUT " + TARGET + b"?access_token=secret HTTP/1.1", token=b""), 403),
        (push(start=b"GET " + TARGET + b" HTTP/1.1"), 405),
        (push(start=b"POST /_matrix/app/v1/ping HTTP/1.1"), 200),
        (push(start=b"GET /nothing HTTP/1.1"), 404),
        (push(start=b"PUT " + TARGET + b" HTTP/1.0"), 200),
        (push(more=b"Connection: close\r\n"), 200),
        (push(more=b"Content-Length: 5\r\n"), 400),
        (push(more=b"Transfer-Encoding: chunked\r\n"), 400),
        (push().replace(b"Content-Length: ", b"Content-Length: +"), 400),
        (push().replace(b"Content-Length: ", b"Content-Length: 99999999"), 413),
        (push(more=LONG), 400),
        (b"\x16\x03\x01\x00 not HTTP\r\n\r\n", 400),
    ],
)
def test_every_other_request_is_the_sites(line: Line, request_: bytes, status: int) -> None:
    answer = line.send(request_)

    assert answer.split(b" ", 2)[1] == b"%d" % status


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"POST /_matrix/app/v1/ping HTTP/1.1", 200),
        (b"GET /_matrix/app/v1/users/%40veche_x%3Ay HTTP/1.1", 404),
        (b"GET /_matrix/app/v1/rooms/%23veche_x%3Ay HTTP/1.1", 404),
    ],
)
def test_what_else_the_homeserver_asks_leaves_the_connection_as_it_is(
    line: Line, start: bytes, status: int
) -> None:
    head = start + b"\r\nHost: x\r\nAuthorization: Bearer secret\r\n\r\n"

    assert line.send(head).startswith(b"HTTP/1.1 %d " % status)
    assert line.send(push()) == TAKEN


def test_after_another_request_the_site_takes_pushes_too(line: Line) -> None:
    line.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")

    assert line.send(push()).endswith(b"\r\n\r\n{}")
    assert line.taker.taken == EVENTS


def test_a_silent_connection_is_closed(line: Line) -> None:
    line.clock.advance(IDLE_S_MAX + 1)

    assert line.transport.disconnected


def test_a_request_that_drips_in_for_long_is_cut_off(line: Line) -> None:
    for byte in push()[:20]:
        line.send(bytes([byte]))
        line.clock.advance(ARRIVAL_S_MAX / 10)

    assert line.transport.disconnected


def test_one_that_waits_for_its_answer_is_not(line: Line) -> None:
    line.taker.is_slow = True
    line.send(push())

    line.clock.advance(IDLE_S_MAX + 1)
    line.taker.ends[0].callback(None)

    assert line.transport.value() == TAKEN
    assert not line.transport.disconnected
