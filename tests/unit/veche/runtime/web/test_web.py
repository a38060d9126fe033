import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from tests.support.tables import each_row
from tests.support.web import WebTestCase
from veche.protocol.canonical import DEPTH_MAX, INTEGER_MAX
from veche.protocol.errors import (
    ConfigError,
    ForbiddenError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from veche.protocol.wire import Wire
from veche.runtime import metrics
from veche.runtime.log import REQUEST_ID
from veche.runtime.web import (
    ARRIVAL_S_MAX,
    IDLE_S_MAX,
    PATH_CHARACTERS_MAX,
    json_answer,
    json_body,
    new_app,
    new_site,
    shown_path,
)
from veche.runtime.web.bodies import BODY_BYTES_MAX, DRAINED_BYTES_MAX, LargeBody


class Thing(Wire):
    count: int


class Free(Wire):
    any: Any


class Routes:
    app = new_app()

    def __init__(self) -> None:
        self.later: Deferred[None] = Deferred()
        self.request_ids: list[str] = []

    @app.route("/thing", methods=["POST"])
    async def thing(self, request: IRequest) -> bytes:
        return json_answer(request, 200, json_body(request, Thing).model_dump())

    @app.route("/free", methods=["POST"])
    async def free(self, request: IRequest) -> bytes:
        return json_answer(request, 200, json_body(request, Free).model_dump())

    @app.route("/v1/<name>")
    async def failing(self, _request: IRequest, name: str) -> bytes:
        raise {
            "refused": RefusedError("no"),
            "forbidden": ForbiddenError("not you"),
            "large": TooLargeError("too much"),
            "unavailable": UnavailableError("busy", retry_after_ms=1500),
            "config": ConfigError("ours"),
            "bug": ValueError("detail"),
        }[name]

    @app.route("/users/<path:user_id>/name")
    async def name(self, request: IRequest, user_id: str) -> bytes:
        return json_answer(request, 200, {"user_id": user_id})

    @app.route("/id")
    async def id(self, request: IRequest) -> bytes:
        self.request_ids.append(REQUEST_ID.get())
        await self.later
        self.request_ids.append(REQUEST_ID.get())
        return json_answer(request, 200, {})


class ErrorTests(WebTestCase):
    def setUp(self) -> None:
        self.root = Routes().app.resource()

    def test_a_body_of_the_right_form_is_read(self) -> None:
        assert self.request(self.root, "POST", "/thing", {"count": 5}) == (200, {"count": 5})

    def test_a_body_of_the_wrong_form_is_400_and_names_the_field(self) -> None:
        code, body = self.request(self.root, "POST", "/thing", {"count": "5"})
        assert (code, body["errcode"]) == (400, "ORG.VECHE.MALFORMED")
        assert body["field"] == "body.count"

    def test_a_body_that_is_no_json_is_400(self) -> None:
        for body in (b"{", b"\xff", b"", b"[" * 100_000):
            assert self.request(self.root, "POST", "/thing", body)[0] == 400

    def test_what_programs_read_differently_is_400(self) -> None:
        deep = b'{"any": ' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}"
        for body, said in {
            b'{"any": 1, "any": 1}': "twice",
            b'{"any": {"a": 1, "b": 2, "a": 1}}': "twice",
            b'{"any": NaN}': "not JSON",
            b'{"any": -Infinity}': "not JSON",
            b'{"any": 1e999}': "too large",
            b'{"any": 9007199254740992}': "too large",
            b'{"any": -9007199254740992}': "too large",
            b'{"any": ' + b"1" * 5_000 + b"}": "not JSON",
            b'{"any": "a\\u0000b"}': "character",
            b'{"any": {"\\u0000": 1}}': "character",
            b'{"any": ["\\ud800"]}': "character",
            deep: "levels",
        }.items():
            code, answer = self.request(self.root, "POST", "/free", body)
            assert (code, answer["field"]) == (400, "body"), body[:60]
            assert said in answer["error"]

    def test_what_is_just_within_the_bounds_is_read(self) -> None:
        count = DEPTH_MAX - 1
        deep = b'{"any": ' + b"[" * count + b"]" * count + b"}"
        for body in (
            deep,
            b'{"any": %d}' % INTEGER_MAX,
            b'{"any": %d}' % -INTEGER_MAX,
            b'{"any": [1.5, true, null, {"a": 1, "b": 1}]}',
            '{"any": "\\ud83d\\ude00 ж \\\\u0000"}'.encode(),
        ):
            assert self.request(self.root, "POST", "/free", body)[0] == 200, body[:60]

    def test_what_a_rule_refuses_is_409(self) -> None:
        code, body = self.request(self.root, "GET", "/v1/refused")
        assert (code, body) == (409, {"errcode": "ORG.VECHE.REFUSED", "error": "no"})

    def test_who_may_not_is_403(self) -> None:
        assert self.request(self.root, "GET", "/v1/forbidden")[0] == 403

    def test_what_is_too_large_is_413(self) -> None:
        assert self.request(self.root, "GET", "/v1/large")[0] == 413

    def test_what_cannot_be_done_now_says_when(self) -> None:
        code, body = self.request(self.root, "GET", "/v1/unavailable")
        assert (code, body["retry_after_ms"]) == (503, 1500)

    def test_any_other_error_of_ours_is_500_with_its_code(self) -> None:
        code, body = self.request(self.root, "GET", "/v1/config")
        assert (code, body["errcode"]) == (500, "ORG.VECHE.CONFIG")

    def test_unknown_routes_and_methods_are_unrecognized(self) -> None:
        assert self.request(self.root, "GET", "/none")[0] == 404
        assert self.request(self.root, "GET", "/v1//refused")[0] == 404
        assert self.request(self.root, "GET", "/thing")[0] == 405

    def test_an_id_with_a_slash_needs_the_path_converter(self) -> None:
        assert self.request(self.root, "GET", "/users/@a%2Fb:c/name") == (
            200,
            {"user_id": "@a/b:c"},
        )

    def test_a_bug_is_logged_and_not_told(self) -> None:
        with self.assertLogs("veche.runtime.web", "ERROR") as logs:
            code, body = self.request(self.root, "GET", "/v1/bug?secret=hunter2")
        assert code == 500
        assert "detail" not in str(body)
        assert "ValueError: detail" in logs.output[0]
        assert "hunter2" not in logs.output[0]


class Connection:
    """A connection to a site of ``Routes``, without a network."""

    def __init__(
        self,
        body_bytes_max: int = BODY_BYTES_MAX,
        *,
        root: Any = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        large_bodies: Sequence[LargeBody] = (),
    ) -> None:
        self.clock = Clock()
        self.routes = Routes()
        self.site = new_site(
            root or self.routes.app.resource(),
            self.clock,
            body_bytes_max=body_bytes_max,
            headers=headers,
            large_bodies=large_bodies,
        )
        self.connect()

    def connect(self) -> None:
        """Begin another connection."""
        site: Any = self.site
        self.channel = site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.transport: Any = StringTransport()
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> Any:
        self.channel.dataReceived(data)
        return self.transport

    def headers(self) -> dict[str, str]:
        head = self.transport.value().partition(b"\r\n\r\n")[0].decode()
        return dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])


HEAD = b"POST /thing HTTP/1.1\r\nhost: service.test\r\n"


def json_of(size: int) -> bytes:
    return b'{"count": 1' + b" " * (size - 12) + b"}"


@pytest.mark.parametrize("bound", [BODY_BYTES_MAX, 16 << 20])
def test_a_body_at_the_bound_of_its_site_is_read(bound: int) -> None:
    head = HEAD + b"content-length: %d\r\n\r\n" % bound
    assert Connection(bound).send(head + json_of(bound)).value().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("bound", [BODY_BYTES_MAX, 100])
def test_a_body_declared_too_large_is_413_before_it_arrives(bound: int) -> None:
    connection = Connection(bound)
    connection.send(HEAD + b"content-length: %d\r\n\r\n{" % (bound + 1))
    answer = connection.transport.value()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["errcode"] == "ORG.VECHE.TOO_LARGE"
    # Who is cut off while it sends does not read the answer: the rest is thrown away first.
    assert not connection.transport.disconnecting
    connection.send(b" " * bound)
    assert connection.transport.disconnecting
    assert connection.transport.value() == answer


def test_a_body_that_nobody_would_drain_ends_the_connection_at_once() -> None:
    connection = Connection()
    connection.send(HEAD + b"content-length: %d\r\n\r\n{" % (DRAINED_BYTES_MAX + 1))
    assert connection.transport.value().startswith(b"HTTP/1.1 413 ")
    assert connection.transport.disconnecting


def test_who_asks_before_it_sends_too_much_is_not_told_to_go_on() -> None:
    connection = Connection(100)
    connection.send(HEAD + b"content-length: 101\r\nexpect: 100-continue\r\n\r\n")
    assert b"100 Continue" not in connection.transport.value()
    assert connection.transport.value().startswith(b"HTTP/1.1 413 ")


def test_a_body_that_grows_too_large_ends_the_connection() -> None:
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    at_bound = chunked + b"64\r\n%b\r\n0\r\n\r\n" % json_of(100)
    assert Connection(100).send(at_bound).value().startswith(b"HTTP/1.1 200 ")

    transport = Connection(100).send(chunked + b"65\r\n%b\r\n0\r\n\r\n" % json_of(101))
    assert transport.value() == b""
    assert transport.disconnected


@pytest.mark.parametrize("kind", [b"multipart/form-data; boundary=b", b"application/json"])
def test_forms_are_not_parsed(kind: bytes) -> None:
    body = b"not a form"
    head = HEAD + b"content-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, len(body))
    assert Connection().send(head + body).value().startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("begun", "more"),
    [(b"POST /thing HTTP/1.1\r\n", b"x: 1\r\n"), (HEAD + b"content-length: 9000\r\n\r\n", b"x")],
)
def test_a_request_that_drips_for_ever_is_cut_off(begun: bytes, more: bytes) -> None:
    connection = Connection()
    connection.send(begun)
    for _ in range(ARRIVAL_S_MAX - 1):
        connection.clock.advance(1)
        connection.send(more)
    assert not connection.transport.disconnecting

    connection.clock.advance(1)

    assert connection.transport.value().startswith(b"HTTP/1.1 408 ")
    assert connection.transport.disconnecting


def test_a_request_late_on_a_kept_connection_has_all_its_time() -> None:
    connection = Connection()
    connection.send(b"GET /none HTTP/1.1\r\n\r\n")
    connection.clock.advance(IDLE_S_MAX - 1)
    connection.send(HEAD + b"content-length: 11\r\n\r\n")
    connection.clock.advance(IDLE_S_MAX - 1)
    connection.send(b'{"count":1}')

    assert connection.transport.value().count(b"HTTP/1.1 200 ") == 1


def test_an_answer_may_take_longer_than_a_request() -> None:
    connection = Connection()
    connection.send(b"GET /id HTTP/1.1\r\n\r\n")
    connection.clock.advance(ARRIVAL_S_MAX + 1)
    connection.routes.later.callback(None)

    assert connection.transport.value().startswith(b"HTTP/1.1 200 ")


def test_a_method_that_is_none_is_told_which_there_are() -> None:
    connection = Connection()
    connection.send(b"DELETE /thing HTTP/1.1\r\n\r\n")
    assert connection.transport.value().startswith(b"HTTP/1.1 405 ")
    assert connection.headers()["allow"] == "post"


SITE_HEADERS = ((b"x-frame-options", b"DENY"), (b"cache-control", b"no-store"))


@each_row(
    ("asked", "status"),
    [
        (b'POST /thing HTTP/1.1\r\ncontent-length: 11\r\n\r\n{"count":1}', 200),
        (b"POST /thing HTTP/1.1\r\n\r\n", 400),
        (b"GET /none HTTP/1.1\r\n\r\n", 404),
        (b"GET /thing HTTP/1.1\r\n\r\n", 405),
        (b"POST /thing HTTP/1.1\r\ncontent-length: 999999999\r\n\r\n", 413),
        (b"GET /v1/bug HTTP/1.1\r\n\r\n", 500),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", 200),
        (b"HEAD /none HTTP/1.1\r\n\r\n", 404),
    ],
)
def test_every_answer_has_the_headers_of_its_site(asked: bytes, status: int) -> None:
    connection = Connection(headers=SITE_HEADERS)
    connection.send(asked)
    assert connection.transport.value().startswith(b"HTTP/1.1 %d " % status)
    headers = connection.headers()
    assert (headers["x-frame-options"], headers["cache-control"]) == ("deny", "no-store")


class Broken(Resource):
    """Fails as only a bug does."""

    isLeaf = True

    def render(self, _request: IRequest) -> bytes:
        raise ValueError("detail")


def test_a_bug_outside_of_routes_is_no_html(caplog: pytest.LogCaptureFixture) -> None:
    broken: Any = Broken
    connection = Connection(root=broken(), headers=SITE_HEADERS)
    connection.send(b"GET /x?secret=hunter2 HTTP/1.1\r\n\r\n")

    assert connection.transport.value().startswith(b"HTTP/1.1 500 ")
    assert connection.headers()["content-type"] == "application/json"
    assert connection.headers()["x-frame-options"] == "deny"
    assert b"detail" not in connection.transport.value()
    assert "ValueError: detail" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_site_knows_when_all_is_answered() -> None:
    connection = Connection()
    connection.send(b"GET /id HTTP/1.1\r\n\r\n")

    waiting: Any = Deferred.fromCoroutine(connection.site.drained(5))
    assert not waiting.called
    connection.routes.later.callback(None)
    assert waiting.called

    assert Deferred.fromCoroutine(connection.site.drained(5)).called


@pytest.mark.parametrize("how", ["time", "client"])
def test_a_site_does_not_wait_for_ever(how: str) -> None:
    connection = Connection()
    connection.send(b"GET /id HTTP/1.1\r\n\r\n")
    waiting = Deferred.fromCoroutine(connection.site.drained(5))

    if how == "time":
        connection.clock.advance(5)
    else:
        connection.channel.connectionLost(_failure())

    assert waiting.called


def test_an_idle_connection_is_closed() -> None:
    connection = Connection()
    connection.send(HEAD)
    connection.clock.advance(IDLE_S_MAX - 1)
    assert not connection.transport.disconnecting
    connection.clock.advance(1)
    assert connection.transport.disconnecting


def test_when_to_come_again_is_a_header_too() -> None:
    connection = Connection()
    connection.send(b"GET /v1/unavailable HTTP/1.1\r\n\r\n")
    assert connection.headers()["retry-after"] == "2"


def test_the_id_of_a_request_survives_waiting_and_is_answered() -> None:
    connection = Connection()
    connection.send(b"GET /id HTTP/1.1\r\nx-request-id: proxy-1\r\n\r\n")
    connection.routes.later.callback(None)

    assert connection.routes.request_ids == ["proxy-1", "proxy-1"]
    assert connection.headers()["x-request-id"] == "proxy-1"
    assert REQUEST_ID.get() == ""


@each_row("given", [b"", b"a b", b"x" * 65, b"<script>", "ж".encode()])
def test_an_id_of_another_form_is_replaced(given: bytes) -> None:
    connection = Connection()
    connection.send(b"GET /none HTTP/1.1\r\nx-request-id: %b\r\n\r\n" % given)
    answered = connection.headers()["x-request-id"]
    assert len(answered) == 16
    assert answered.encode() != given


def test_each_request_of_a_connection_has_its_own_id() -> None:
    connection = Connection()
    connection.send(b"GET /none HTTP/1.1\r\n\r\n")
    first = connection.headers()["x-request-id"]
    connection.transport.clear()
    connection.send(b"GET /none HTTP/1.1\r\n\r\n")
    assert connection.headers()["x-request-id"] != first


def test_an_answer_is_one_line_without_the_query(caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection()
    with caplog.at_level(logging.INFO):
        connection.send(b"GET /id?access_token=hunter2 HTTP/1.1\r\nx-request-id: r1\r\n\r\n")
        connection.clock.advance(0.25)
        connection.routes.later.callback(None)

    (record,) = [one for one in caplog.records if one.name == "veche.runtime.web.server"]
    assert record.getMessage() == "GET /id 200 2 bytes 250 ms"


def test_an_answer_is_counted() -> None:
    def count() -> float:
        name = "veche_http_request_seconds_count"
        return metrics.REGISTRY.get_sample_value(name, {"status": "404"}) or 0

    before = count()
    Connection().send(b"GET /none HTTP/1.1\r\n\r\n")
    assert count() == before + 1


def test_a_client_that_leaves_is_a_line_and_cancels_the_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = Connection()
    connection.send(b"GET /id HTTP/1.1\r\nx-request-id: r1\r\n\r\n")
    with caplog.at_level(logging.INFO):
        connection.channel.connectionLost(_failure())

    assert "r1: the client left after 0 ms" in caplog.text
    assert connection.routes.request_ids == ["r1"]


@pytest.mark.parametrize(
    "begun",
    [
        b"PUT /id HTTP/1.1\r\nx-request-id: r1\r\n",
        b"PUT /id HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf",
    ],
)
def test_a_client_that_leaves_before_it_has_asked_is_no_error(
    begun: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection()
    connection.send(begun)
    with caplog.at_level(logging.INFO):
        connection.channel.connectionLost(_failure())

    assert not caplog.records
    assert not connection.routes.request_ids


def _failure() -> Any:
    from twisted.internet.error import ConnectionDone  # noqa: PLC0415
    from twisted.python.failure import Failure  # noqa: PLC0415

    return Failure(ConnectionDone())


@each_row(
    ("path", "shown"),
    [
        (b"/a/b?c=d", "/a/b"),
        (b"/a\nb\x1b[31m", "/a?b?[31m"),
        (b"/\xff", "/?"),
        (b"/" + b"x" * PATH_CHARACTERS_MAX, "/" + "x" * (PATH_CHARACTERS_MAX - 1)),
    ],
)
def test_a_path_is_logged_printable_and_short(path: bytes, shown: str) -> None:
    assert shown_path(path) == shown
