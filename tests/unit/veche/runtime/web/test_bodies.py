import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from tests.unit.veche.runtime.web.test_web import Connection, json_of
from veche.protocol.errors import LimitError, SignInError, UnavailableError
from veche.runtime.web.bodies import (
    BODY_BYTES_MAX,
    DRAINED_BYTES_MAX,
    LARGE_ADDRESS_BYTES_MAX,
    LARGE_TOTAL_BYTES_MAX,
    SMALL_ADDRESS_BYTES_MAX,
    Holding,
    LargeBody,
)

LARGEST: Final = 50 << 20
HEAD: Final = b"POST /thing HTTP/1.1\r\nhost: x\r\n"
DECLARED: Final = HEAD + b"content-length: %d\r\n\r\n" % LARGEST


OPEN: Final[list[Any]] = []


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """Every client leaves in the end."""
    yield
    while OPEN:
        OPEN.pop().connectionLost(Failure(ConnectionDone()))


class Upload(Connection):
    """A connection to a site whose route ``/thing`` takes files; ``asked`` says who may send."""

    def __init__(self, *, is_waiting: bool = False, error: Exception | None = None) -> None:
        self.asked: Deferred[None] = Deferred()
        self.paths: list[bytes] = []
        self.error = error
        self.ended: list[bool] = []
        if not is_waiting:
            self.asked.callback(None)
        path = re.compile(rb"/thing(/.+)?")
        super().__init__(large_bodies=[LargeBody(b"POST", path, LARGEST, self.admit)])

    def connect(self) -> None:
        super().connect()
        OPEN.append(self.channel)

    async def admit(self, _request: Any, path: bytes) -> None:
        self.paths.append(path)
        try:
            await self.asked
        except CancelledError:
            self.ended.append(True)
            raise
        if self.error is not None:
            raise self.error

    def status(self) -> int:
        first = self.transport.value().partition(b"\r\n")[0]
        return int(first.split()[1]) if first else 0

    def held(self) -> tuple[int, int]:
        return self.site.large.total_bytes, self.site.small.total_bytes

    def leave(self) -> None:
        OPEN.remove(self.channel)
        self.channel.connectionLost(Failure(ConnectionDone()))


def refused_upload() -> Upload:
    return Upload(error=SignInError("Please sign in"))


def test_whoever_may_not_send_a_large_body_is_told_before_it_comes() -> None:
    upload = refused_upload()
    upload.send(DECLARED)

    assert upload.status() == 401
    assert upload.headers()["www-authenticate"] == "bearer"
    assert json.loads(upload.transport.value().partition(b"\r\n\r\n")[2])["error"]
    assert upload.held() == (0, 0)


def test_what_is_still_sent_is_thrown_away_and_nothing_of_it_is_kept() -> None:
    upload = refused_upload()
    upload.send(DECLARED)
    content = upload.channel.requests[0].content
    for _ in range(LARGEST >> 20):
        assert not upload.transport.disconnecting
        upload.send(bytes(1 << 20))

    assert content.closed
    assert upload.transport.disconnecting


def test_a_refused_body_without_an_end_is_cut_off() -> None:
    upload = refused_upload()
    upload.send(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    assert upload.status() == 401
    for _ in range(DRAINED_BYTES_MAX >> 20):
        upload.send(b"100000\r\n%b\r\n" % bytes(1 << 20))
    assert not upload.transport.disconnected

    upload.send(b"1\r\n.\r\n")

    assert upload.transport.disconnected


@pytest.mark.parametrize("length", [b"content-length: 70000", b"transfer-encoding: chunked"])
def test_nothing_is_read_while_it_is_asked_who_sends(length: bytes) -> None:
    upload = Upload(is_waiting=True)
    upload.send(HEAD + length + b"\r\nexpect: 100-continue\r\n\r\n")
    assert upload.transport.producerState == "paused"
    assert upload.transport.value() == b""

    upload.asked.callback(None)

    assert upload.transport.producerState == "producing"
    assert upload.transport.value() == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_who_asks_first_and_is_refused_is_not_told_to_go_on() -> None:
    upload = Upload(is_waiting=True)
    upload.send(HEAD + b"content-length: 70000\r\nexpect: 100-continue\r\n\r\n")
    upload.asked.errback(SignInError("Please sign in"))
    assert b"100 Continue" not in upload.transport.value()
    assert upload.status() == 401


@pytest.mark.parametrize("is_good", [True, False])
def test_a_body_that_came_at_once_waits_until_it_is_known_who_sends(is_good: bool) -> None:
    upload = Upload(is_waiting=True)
    upload.send(HEAD + b"content-length: 70000\r\n\r\n" + json_of(70_000))
    assert upload.transport.value() == b""

    if is_good:
        upload.asked.callback(None)
    else:
        upload.asked.errback(SignInError("Please sign in"))

    assert upload.status() == (200 if is_good else 401)
    assert upload.transport.disconnecting is not is_good
    assert upload.held() == (0, 0)


def test_a_client_that_leaves_while_it_is_asked_who_sends_leaves_nothing() -> None:
    upload = Upload(is_waiting=True)
    upload.send(DECLARED + b"half")
    content = upload.channel.requests[0].content

    upload.leave()

    assert upload.ended == [True]
    assert upload.held() == (0, 0)
    assert content.closed
    assert not upload.clock.getDelayedCalls()


def test_a_bug_in_asking_is_500_and_keeps_nothing(caplog: pytest.LogCaptureFixture) -> None:
    upload = Upload(error=ValueError("detail"))
    upload.send(DECLARED)
    assert upload.status() == 500
    assert b"detail" not in upload.transport.value()
    assert "ValueError: detail" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "count", "status"),
    [
        (b"PUT", b"/thing", BODY_BYTES_MAX + 1, 413),
        (b"POST", b"/other", BODY_BYTES_MAX + 1, 413),
        (b"POST", b"/thing", LARGEST + 1, 413),
    ],
)
def test_only_the_route_that_takes_large_bodies_does(
    method: bytes, path: bytes, count: int, status: int
) -> None:
    upload = Upload()
    upload.send(b"%b %b HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (method, path, count))
    assert upload.status() == status
    assert upload.paths == []


def test_a_small_body_is_taken_without_asking() -> None:
    upload = refused_upload()
    upload.send(HEAD + b"content-length: %d\r\n\r\n" % BODY_BYTES_MAX + json_of(BODY_BYTES_MAX))
    assert (upload.status(), upload.paths) == (200, [])


def test_bodies_are_held_from_their_head_to_their_answer() -> None:
    upload = Upload()
    upload.send(HEAD + b"content-length: 70000\r\n\r\n")
    first = upload.channel
    upload.connect()
    upload.send(HEAD + b"content-length: 100\r\n\r\n" + json_of(100)[:60])
    assert upload.held() == (70_000, 60)

    upload.leave()
    first.dataReceived(json_of(70_000))

    assert upload.held() == (0, 0)


def test_one_address_sends_so_much_at_once_and_no_more() -> None:
    upload = Upload()
    for _ in range(LARGE_ADDRESS_BYTES_MAX // LARGEST):
        upload.send(DECLARED)
        assert upload.status() == 0
        upload.connect()

    upload.send(DECLARED)

    assert upload.status() == 429
    assert upload.headers()["retry-after"] == "5"
    upload.connect()
    upload.send(HEAD + b"content-length: 100\r\n\r\n" + json_of(100))
    assert upload.status() == 200


def test_small_bodies_of_one_address_are_counted_too() -> None:
    upload = Upload()
    head = b"POST /other HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    for _ in range(SMALL_ADDRESS_BYTES_MAX // BODY_BYTES_MAX):
        upload.send(head + b"%x\r\n" % BODY_BYTES_MAX + bytes(BODY_BYTES_MAX))
        assert upload.status() == 0
        upload.connect()

    upload.send(b"POST /other HTTP/1.1\r\ncontent-length: 2\r\n\r\n{")
    assert upload.status() == 429
    assert upload.held() == (0, SMALL_ADDRESS_BYTES_MAX)
    upload.send(b"}")
    assert upload.transport.disconnecting


def test_small_bodies_that_are_declared_and_not_sent_take_nobodys_place() -> None:
    upload = Upload()
    for _ in range(2 * SMALL_ADDRESS_BYTES_MAX // BODY_BYTES_MAX):
        upload.send(b"POST /other HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % BODY_BYTES_MAX)
        upload.connect()
    upload.send(HEAD + b"content-length: 100\r\n\r\n" + json_of(100))

    assert upload.status() == 200


def test_all_together_send_so_much_at_once_and_no_more() -> None:
    holding = Holding(LARGE_ADDRESS_BYTES_MAX, LARGE_TOTAL_BYTES_MAX)
    for number in range(LARGE_TOTAL_BYTES_MAX // LARGEST):
        holding.take(f"{number}", LARGEST)
    with pytest.raises(UnavailableError) as refused:
        holding.take("another", LARGEST)
    assert not isinstance(refused.value, LimitError)

    holding.give_back("0", LARGEST)
    holding.take("another", LARGEST)


@pytest.mark.parametrize(
    "head",
    [
        b"POST /_veche/approvals/v1/hunter2/decline?x=hunter2 HTTP/1.1\r\n",
        b"POST /thing/of/x/hunter2 HTTP/1.1\r\n",
    ],
)
def test_the_line_of_a_refusal_has_no_secret_of_the_path(
    head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    upload = refused_upload()
    with caplog.at_level(logging.INFO):
        upload.send(head + b"content-length: %d\r\n\r\n" % LARGEST)
    (line,) = [one.getMessage() for one in caplog.records if one.name == "veche.runtime.web.server"]
    assert "hunter2" not in line
    assert re.fullmatch(r"POST /\w+/\w+/\w+/\.\.\. 4\d\d \d+ bytes 0 ms", line)


@pytest.mark.parametrize("path", [b"/%ff", b"/thing/%ed%a0%80/x?y=%ff"])
def test_a_path_that_is_no_text_is_404_in_one_line(
    path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    upload = Upload()
    with caplog.at_level(logging.INFO):
        upload.send(b"GET " + path + b" HTTP/1.1\r\nhost: x\r\n\r\n")

    assert upload.status() == 404
    assert json.loads(upload.transport.value().partition(b"\r\n\r\n")[2])["errcode"]
    assert upload.transport.disconnecting
    assert [one.levelname for one in caplog.records] == ["INFO"]
