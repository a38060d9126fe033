"""The public site over HTTP, on a real database, and everything that one may throw at it."""

from __future__ import annotations

import gc
import json
import logging
import re
import resource
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from pydantic import Field, PrivateAttr
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S
from veche.access.sessions import Agent, Level, Session, Sessions, core, store
from veche.acts import ActLog
from veche.api import Api, Call
from veche.api.gate import Gate
from veche.protocol.errors import RefusedError
from veche.protocol.ids import UserId
from veche.protocol.wire import Wire
from veche.runtime.database import Database
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.live import Live, announce
from veche.runtime.web.bodies import BODY_BYTES_MAX
from veche.runtime.web.limits import Limit
from veche.runtime.web.public import HEADERS, PublicRoot, PublicSite

if TYPE_CHECKING:
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres
reactor: Any = default_reactor

ALICE: Final = UserId("@alice:veche.test")
FREE: Final = Limit(burst=100_000, per_s=100_000)
API: Final = Api("/_veche/notes/v1", "Notes")
FILE_BYTES_MAX: Final = 50 << 20
KEPT_BYTES_MAX: Final = 48 << 20
"""What a test may add to the memory of a process, whatever was sent."""
TOKENS: Final = {level: f"{level.value}" * 43 for level in Level}


class Note(Wire):
    text: str = Field(max_length=2_000)


class Long(Wire):
    """Remembers in which thread it was read."""

    text: str
    _thread: int = PrivateAttr(default_factory=threading.get_ident)


class Notes(Wire):
    notes: list[str]


class Routes:
    """Reads and writes one table."""

    def __init__(self, live: Live) -> None:
        self.live = live

    @API.transaction("notes read", "GET", "/notes", answer=Notes, level=Level.LOW, summary="Read")
    def read(self, txn: Cursor, call: Call) -> Notes:
        txn.execute("SELECT text FROM note WHERE person = %s", (call.signed_in.person,))
        return Notes(notes=[row[0] for row in txn.fetchall()])

    @API.transaction(
        "notes add", "POST", "/notes", body=Note, answer=None, level=Level.ROOM, summary="Add"
    )
    def add(self, txn: Cursor, call: Call) -> None:
        txn.execute("INSERT INTO note VALUES (%s, %s)", (call.signed_in.person, call.body.text))
        announce(txn, "notes")

    @API.transaction("notes open", "POST", "/open", body=Note, answer=None, summary="Anybody")
    def open(self, txn: Cursor, call: Call) -> None:
        txn.execute("INSERT INTO note VALUES ('anybody', %s)", (call.body.text,))

    @API.route(
        "POST",
        "/long",
        body=Long,
        body_bytes_max=8 * BODY_BYTES_MAX,
        answer=Notes,
        summary="Long",
    )
    async def long(self, call: Call) -> Notes:
        return Notes(notes=[str(call.body._thread == threading.get_ident())])

    @API.route("GET", "/news", answer=Notes, level=Level.LOW, summary="Wait")
    async def news(self, call: Call) -> Notes:
        with self.live.watching(["notes"]) as watch:
            await watch.changed()
        return Notes(notes=[call.signed_in.id])

    @API.transaction(
        "notes file",
        "PUT",
        "/file",
        takes="application/octet-stream",
        takes_bytes_max=FILE_BYTES_MAX,
        answer=None,
        level=Level.ROOM,
        summary="A file that is never right",
    )
    def file(self, _txn: Cursor, call: Call) -> None:
        try:
            {}[call.body[:1]]
        except KeyError as e:
            raise RefusedError("not this file") from e

    @API.transaction("notes one", "GET", "/notes/<note>", answer=Notes, summary="One")
    def one(self, txn: Cursor, call: Call) -> Notes:
        txn.execute("SELECT text FROM note WHERE text = %s", (call.path_args["note"],))
        return Notes(notes=[row[0] for row in txn.fetchall()])


@attrs.frozen
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def exchange(port: int, data: bytes) -> bytes:
    """What comes back: a whole answer, or all until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as one:
        received = bytearray()
        try:
            one.sendall(data)
            while chunk := one.recv(65_536):
                received += chunk
                head, _, body = received.partition(b"\r\n\r\n")
                length = re.search(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)", head)
                if length is not None and len(body) == int(length[1]):
                    one.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return bytes(received)


def read_reply(data: bytes) -> Reply:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    if headers.get("transfer-encoding") == "chunked":
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole += body[: int(size, 16)]
            body = body[int(size, 16) + 2 :]
        body = whole
    return Reply(int(first.split()[1]) if first else 0, headers, body)


class PublicCase(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        scope = database(*KERNEL_SETS)
        self.dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        execute(self.dsn, "CREATE TABLE note (person text, text text)")
        self.database = Database(self.dsn, reactor)
        self.addCleanup(self.database.close)
        self.live = Live(reactor)
        self.site = self.served()

    def served(self, **limits: Any) -> PublicSite:
        """The public site, before the real sessions."""
        nobody: Any = None  # is asked whose keys are whose
        sessions = Sessions(self.database, reactor, ActLog(bytes(32)), None, nobody, key=bytes(32))
        gate = Gate(
            self.database,
            reactor,
            sessions,
            **{"address_limit": FREE, "session_limit": FREE, **limits},
        )
        root = PublicRoot({API.mount: API.resource(gate, Routes(self.live))})
        site = PublicSite(root, reactor, "127.0.0.1", [0])
        site.listen()
        self.addCleanup(lambda: Deferred.fromCoroutine(site.stop()))
        return site

    async def signed_in(self) -> None:
        """Alice's sessions, one for each level."""
        now_ms = int(reactor.seconds() * 1000)

        def add(txn: Cursor) -> None:
            for level, token in TOKENS.items():
                session = Session(
                    id=level.label,
                    person=ALICE,
                    level=level,
                    language="en",
                    agent=Agent(),
                    begun_at_ms=now_ms,
                    used_at_ms=now_ms,
                    ends_at_ms=now_ms + 3_600_000,
                )
                store.add_session(txn, session, core.hash_of(token))

        await self.database.run("test", add)

    async def send(self, data: bytes) -> Reply:
        return read_reply(await deferToThread(exchange, self.site.port, data))

    async def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        return await self.send(request(method, path, body, **headers))

    def notes(self) -> list[Any]:
        return execute(self.dsn, "SELECT person, text FROM note")


def resident_bytes() -> int:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def request(method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {"host": "veche.example.org", "connection": "close", **said}
    if body is not None:
        given.setdefault("content-length", str(len(body)))
        given.setdefault("content-type", "application/json")
    lines = [f"{name}: {value}" for name, value in given.items()]
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
    return head.encode("latin-1") + (body or b"")


ROOM: Final = f"Bearer {TOKENS[Level.ROOM]}"
NOTES: Final = "/_veche/notes/v1/notes"
OPEN: Final = "/_veche/notes/v1/open"
FILE: Final = "/_veche/notes/v1/file"
GOOD: Final = b'{"text": "evil"}'
RAW: Final = f"POST {NOTES} HTTP/1.1\r\nhost: x\r\nauthorization: {ROOM}\r\n".encode()

ATTACKS: Final[dict[str, tuple[bytes, set[int]]]] = {
    # What is sent, and which statuses are right. 0: the connection is closed without an answer.
    "no token": (request("POST", NOTES, GOOD), {401}),
    "token in the query": (
        request("POST", f"{NOTES}?access_token={TOKENS[Level.ROOM]}", GOOD),
        {401},
    ),
    "token in a cookie": (
        request("POST", NOTES, GOOD, cookie=f"token={TOKENS[Level.ROOM]}"),
        {401},
    ),
    "token as basic": (request("POST", NOTES, GOOD, authorization="Basic eDp5"), {401}),
    "token of nobody": (request("POST", NOTES, GOOD, authorization="Bearer " + "x" * 43), {401}),
    "token with SQL": (request("POST", NOTES, GOOD, authorization="Bearer ' OR 1=1 --"), {401}),
    "token with bytes": (request("POST", NOTES, GOOD, authorization="Bearer \xff\xfe"), {401}),
    "level too low": (
        request("POST", NOTES, GOOD, authorization=f"Bearer {TOKENS[Level.LOW]}"),
        {403},
    ),
    "a simple request of another page": (
        request("POST", OPEN, GOOD, content_type="text/plain", origin="https://evil.example"),
        {400},
    ),
    "a form of another page": (
        request("POST", OPEN, GOOD, content_type="application/x-www-form-urlencoded"),
        {400},
    ),
    "a multipart of another page": (
        request("POST", OPEN, GOOD, content_type="multipart/form-data; boundary=x"),
        {400},
    ),
    "another page, by its browser's word": (
        request("POST", OPEN, GOOD, sec_fetch_site="cross-site"),
        {403},
    ),
    "a preflight": (
        request(
            "OPTIONS",
            NOTES,
            origin="https://evil.example",
            access_control_request_method="POST",
            access_control_request_headers="authorization",
        ),
        {405},
    ),
    "an overridden method": (
        request("GET", OPEN, GOOD, x_http_method_override="POST"),
        {405},
    ),
    "TRACE": (request("TRACE", NOTES, authorization=ROOM), {405}),
    "CONNECT": (request("CONNECT", "evil.example:443"), {404}),
    "another origin in the line": (
        request("POST", f"http://evil.example{OPEN}", GOOD),
        {404},
    ),
    "no JSON": (request("POST", OPEN, b"{"), {400}),
    "deep JSON": (request("POST", OPEN, b"[" * 60_000), {400}),
    "a key twice": (request("POST", OPEN, b'{"text": "a", "text": "evil"}'), {400}),
    "NUL": (request("POST", OPEN, b'{"text": "\\u0000"}'), {400}),
    "half a pair": (request("POST", OPEN, b'{"text": "\\udc00"}'), {400}),
    "NUL in the path": (request("GET", f"{NOTES}/%00"), {404}),
    "bytes in the path": (request("GET", f"{NOTES}/%ff"), {404}),
    "NUL in the query": (request("POST", f"{OPEN}?lang=%00", GOOD), {400}),
    "a long query": (request("POST", f"{OPEN}?x={'y' * 5_000}", GOOD), {400}),
    "a long line": (request("POST", f"{OPEN}?x={'y' * 20_000}", GOOD), {0, 400}),
    "a long header": (request("POST", OPEN, GOOD, x="y" * 20_000), {0, 400}),
    "many headers": (
        request("POST", OPEN, GOOD, **{f"x{number}": "y" for number in range(600)}),
        {0, 400},
    ),
    "a body too large": (request("POST", OPEN, b" " * (BODY_BYTES_MAX + 1)), {413}),
    "a body that says it is": (
        request("POST", OPEN, GOOD, content_length=str(1 << 40)),
        {413},
    ),
    "a chunked body too large": (
        RAW
        + b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"%x\r\n%b\r\n0\r\n\r\n" % (BODY_BYTES_MAX + 1, b" " * (BODY_BYTES_MAX + 1)),
        {0},
    ),
    "two lengths": (
        RAW + b"content-length: 16\r\ncontent-length: 0\r\n\r\n" + GOOD,
        {400},
    ),
    "length and chunks": (
        RAW + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + GOOD,
        {400},
    ),
    "a length that is none": (RAW + b"content-length: +16\r\n\r\n" + GOOD, {400}),
    "chunks of another kind": (RAW + b"transfer-encoding: xchunked\r\n\r\n" + GOOD, {400}),
    "chunks that are none": (
        RAW + b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        {0, 400},
    ),
    "a header without a colon": (RAW + b"nonsense\r\n\r\n", {400}),
    "a space before the colon": (RAW + b"content-length : 16\r\n\r\n" + GOOD, {400}),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {0, 400}),
    "HTTP of another time": (f"POST {OPEN}\r\n\r\n".encode(), {0, 400}),
    "slashes": (request("POST", f"/{OPEN}", GOOD), {404}),
    "slashes inside": (request("POST", "/_veche//notes/v1/open", GOOD), {404}),
    "dots": (request("POST", "/_veche/notes/v1/x/../open", GOOD), {404}),
    "encoded dots": (request("POST", "/_veche/notes/v1/%2e%2e/v1/open", GOOD), {404}),
    "encoded slashes": (request("POST", "/_veche%2Fnotes%2Fv1%2Fopen", GOOD), {404}),
    "a semicolon": (request("POST", f"{OPEN};x=y", GOOD), {404}),
    "capitals": (request("POST", OPEN.upper(), GOOD), {404}),
    "files": (request("GET", "/../../../../etc/passwd"), {404}),
    "encoded files": (request("GET", "/static/%2e%2e/%2e%2e/etc/passwd"), {404}),
}
HOSTS: Final = ("[", "a b", "\xff", "evil.example:x:y", "xn--a", "a..b", "", "x" * 5_000, "?#/")


class AttackTests(PublicCase):
    async def test_nothing_that_is_thrown_at_it_does_anything(self) -> None:
        await self.signed_in()
        with self.assertNoLogs(level=logging.ERROR):
            for name, (data, statuses) in ATTACKS.items():
                reply = await self.send(data)
                assert reply.status in statuses, (name, reply)
                assert b"Traceback" not in reply.body, name
                assert not any("access-control" in one for one in reply.headers), name
                if reply.status and reply.headers:
                    for header, value in HEADERS:
                        assert reply.headers[header.decode()] == value.decode(), name
        assert self.notes() == []

        reply = await self.ask("POST", NOTES, GOOD, authorization=ROOM)

        assert reply.status == 204
        assert self.notes() == [(ALICE, "evil")]

    async def test_the_header_host_says_nothing(self) -> None:
        with self.assertNoLogs(level=logging.ERROR):
            for host in HOSTS:
                reply = await self.ask("POST", OPEN, GOOD, host=host)
                assert reply.status == 204, host
                assert host == "" or host not in str(reply.headers)

    async def test_words_are_kept_as_they_are(self) -> None:
        words = "'; DROP TABLE note; -- %s %(x)s <script>\u2028ж"
        body = json.dumps({"text": words}).encode()
        assert (await self.ask("POST", OPEN, body)).status == 204
        assert self.notes() == [("anybody", words)]
        path = "%27%3B%20DROP%20TABLE%20note%3B%20--%20%25s"
        assert (await self.ask("GET", f"{NOTES}/{path}")).json == {"notes": []}


class AskingTests(PublicCase):
    async def test_each_person_reads_their_own(self) -> None:
        await self.signed_in()
        execute(self.dsn, "INSERT INTO note VALUES (%s, 'mine'), ('@bob:x', 'not mine')", ALICE)
        reply = await self.ask("GET", NOTES, authorization=ROOM)
        assert (reply.status, reply.json) == (200, {"notes": ["mine"]})

    async def test_who_signed_out_is_out_at_once(self) -> None:
        await self.signed_in()
        await self.database.run("test", store.end_session, ALICE, "room")
        assert (await self.ask("GET", NOTES, authorization=ROOM)).status == 401

    async def test_a_body_at_the_bound_is_read(self) -> None:
        body = GOOD + b" " * (BODY_BYTES_MAX - len(GOOD))
        assert (await self.ask("POST", OPEN, body)).status == 204

    async def test_a_large_body_is_read_in_another_thread(self) -> None:
        for added, is_here in ((0, "True"), (1, "False")):
            body = b'{"text": "x"}'.ljust(BODY_BYTES_MAX + added)
            reply = await self.ask("POST", "/_veche/notes/v1/long", body)
            assert (reply.status, reply.json) == (200, {"notes": [is_here]})

    async def test_who_sends_too_much_reads_why(self) -> None:
        reply = await self.ask("POST", OPEN, b" " * (8 * BODY_BYTES_MAX))
        assert (reply.status, reply.json["errcode"]) == (413, "ORG.VECHE.TOO_LARGE")

    async def test_head_and_the_document(self) -> None:
        await self.signed_in()
        reply = await self.ask("HEAD", NOTES, authorization=ROOM)
        assert (reply.status, reply.body) == (200, b"")
        reply = await self.ask("GET", "/_veche/notes/v1/openapi.json")
        assert set(reply.json["paths"]) == {
            "/notes",
            "/open",
            "/long",
            "/news",
            "/file",
            "/notes/{note}",
        }

    async def test_an_answer_has_the_id_of_its_request(self) -> None:
        reply = await self.ask("GET", "/none", x_request_id="proxy-7")
        assert reply.headers["x-request-id"] == "proxy-7"
        assert len((await self.ask("GET", "/none")).headers["x-request-id"]) == 16

    async def test_many_requests_at_once_are_told_when_to_come_again(self) -> None:
        self.site = self.served(address_limit=Limit(burst=3, per_s=0.01))
        replies = [await self.ask("POST", OPEN, GOOD) for _ in range(5)]
        assert [reply.status for reply in replies] == [204] * 3 + [429] * 2
        assert replies[-1].json["retry_after_ms"] > 1_000
        assert int(replies[-1].headers["retry-after"]) > 1

    async def test_without_a_database_one_is_told_to_come_again(self) -> None:
        await self.signed_in()
        self.database.close()
        reply = await self.ask("GET", NOTES, authorization=ROOM)
        assert (reply.status, reply.json["errcode"]) == (503, "ORG.VECHE.UNAVAILABLE")


class UploadTests(PublicCase):
    """Files that are refused, before they come and after."""

    async def upload(self, count: int, sent: int, **headers: str) -> Reply:
        headers = {"content_type": "application/octet-stream", **headers}
        head = request("PUT", FILE, b"", content_length=str(count), **headers)
        return await self.send(head + bytes(sent))

    async def test_who_may_not_send_a_file_is_told_before_it_comes(self) -> None:
        await self.signed_in()
        low = f"Bearer {TOKENS[Level.LOW]}"
        for status, headers in (
            (401, {}),
            (401, {"authorization": "Bearer " + "x" * 43}),
            (403, {"authorization": low}),
        ):
            reply = await self.upload(FILE_BYTES_MAX, 0, **headers)
            assert (reply.status, bool(reply.json["error"])) == (status, True)
        assert (await self.upload(FILE_BYTES_MAX + 1, 0, authorization=ROOM)).status == 413

    async def test_the_limit_of_requests_counts_a_large_body_once(self) -> None:
        await self.signed_in()
        self.site = self.served(session_limit=Limit(burst=3, per_s=0.01))
        replies = [await self.upload(70_000, 70_000, authorization=ROOM) for _ in range(4)]
        assert [reply.status for reply in replies] == [409] * 3 + [429]

    async def test_refused_files_take_no_memory_even_without_a_garbage_collector(self) -> None:
        await self.signed_in()
        await self.upload(5 << 20, 5 << 20, authorization=ROOM)
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        before = resident_bytes()

        for number in range(500):
            headers = {} if number % 2 else {"authorization": "Bearer " + "x" * 43}
            assert (await self.upload(FILE_BYTES_MAX, 100_000, **headers)).status == 401
        for _ in range(20):
            reply = await self.upload(5 << 20, 5 << 20, authorization=ROOM)
            assert reply.status == 409

        assert resident_bytes() - before < KEPT_BYTES_MAX


class WaitingTests(PublicCase):
    async def waiting(self) -> Deferred[Reply]:
        await self.signed_in()
        reply = Deferred.fromCoroutine(self.ask("GET", "/_veche/notes/v1/news", authorization=ROOM))
        await self.until(lambda: len(self.live) == 1)
        return reply

    async def until(self, condition: Any) -> None:
        while not condition():
            await deferLater(reactor, 0.01)

    async def test_a_client_that_leaves_while_it_waits_frees_its_place(self) -> None:
        await self.signed_in()
        data = request("GET", "/_veche/notes/v1/news", authorization=ROOM)
        with socket.create_connection(("127.0.0.1", self.site.port)) as one:
            one.sendall(data)
            await self.until(lambda: len(self.live) == 1)
        await self.until(lambda: len(self.live) == 0)

    async def test_who_waits_while_the_process_ends_is_answered(self) -> None:
        reply = await self.waiting()
        self.live.close()
        await self.site.stop()
        assert (await reply).json == {"notes": ["room"]}
        with pytest.raises(ConnectionRefusedError):
            await self.ask("GET", NOTES)
