"""Routes: what is read, what each kind of bad input gets, what an answer is."""

from __future__ import annotations

import enum
import logging
from typing import Any, ClassVar, Final

import attrs
import pytest
import treq
from pydantic import Field
from treq.testing import StubTreq
from twisted.internet.task import Clock

from tests.support.tables import each_row
from tests.support.web import WebTestCase
from tests.unit.veche.api.test_gate import FREE, FakeSessions
from tests.unit.veche.runtime.web.test_web import Connection
from veche.access.sessions import Level
from veche.api import KEY_CHARACTERS_MAX, QUERY_BYTES_MAX, Api, Call, Download, accepted_language
from veche.api.bearer import OrganisationKey
from veche.api.gate import Gate
from veche.api.route import Auth
from veche.protocol.errors import (
    ConflictError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SignInError,
    UnavailableError,
)
from veche.protocol.wire import Wire
from veche.runtime.web.limits import Limit

API = Api("/_veche/things/v1", "Things")


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Thing(Wire):
    """A thing."""

    name: str = Field(min_length=1, max_length=20)
    """What it is called."""
    count: int = Field(default=1, ge=0)
    colour: Colour | None = Field(default=None, strict=False)


class Search(Wire):
    """What to look for."""

    q: str = Field(max_length=10)
    limit: int = Field(default=5, ge=1, le=50)
    colour: Colour | None = None


class Seen(Wire):
    """What a route saw."""

    person: str | None = None
    level: str | None = None
    language: str
    path: dict[str, str] = Field(default_factory=dict)
    key: str | None = None
    thing: Thing | None = None
    search: Search | None = None


def seen(call: Call) -> Seen:
    return Seen(
        person=call.session.person if call.session else None,
        level=call.session.level.label if call.session else None,
        language=call.language,
        path=dict(call.path_args),
        key=call.idempotency_key,
        thing=call.body,
        search=call.query,
    )


class Things:
    """Routes of every kind."""

    api: ClassVar[Api] = API

    def __init__(self) -> None:
        self.txns: list[object] = []
        self.calls: list[Call] = []

    @API.transaction("things", "GET", "/things", answer=Seen, query=Search, summary="Search")
    def search(self, txn: Any, call: Call) -> Seen:
        """Look for things."""
        self.txns.append(txn)
        return seen(call)

    @API.transaction(
        "things", "POST", "/things", answer=Seen, body=Thing, needs_key=True, status=201,
        level=Level.ROOM, summary="Make",
    )  # fmt: skip
    def make(self, txn: Any, call: Call) -> Seen:
        self.txns.append(txn)
        assert call.key
        assert call.signed_in.person
        return seen(call)

    @API.route("GET", "/things/<thing_id>", answer=Seen, level=Level.LOW, summary="One")
    async def one(self, call: Call) -> Seen:
        self.calls.append(call)
        return seen(call)

    @API.route("DELETE", "/things/<thing_id>", answer=None, level=Level.VERIFIED, summary="Drop")
    async def drop(self, call: Call) -> None:
        self.calls.append(call)

    @API.route("GET", "/users/<path:user_id>/name", answer=Seen, summary="Name")
    async def name(self, call: Call) -> Seen:
        return seen(call)

    @API.route("GET", "/file", answer=Download, summary="File")
    async def file(self, call: Call) -> Download:
        del call
        return Download(b"%PDF", "application/pdf", 'a "b"/ж\r\nx.pdf')

    @API.route("POST", "", answer=Seen, body=Thing, summary="Of the prefix itself")
    async def root(self, call: Call) -> Seen:
        return seen(call)

    @API.route(
        "POST", "/slow", answer=None, limit=Limit(burst=1, per_s=0.5), summary="Seldom"
    )  # fmt: skip
    async def slow(self, call: Call) -> None:
        self.calls.append(call)

    @API.transaction("things", "GET", "/fails/<how>", answer=Seen, summary="Fail")
    def fail(self, _txn: Any, call: Call) -> Seen:
        errors: dict[str, Exception] = {
            "malformed": MalformedError("thing", "is none"),
            "refused": RefusedError("no"),
            "missing": NotFoundError("there is none"),
            "conflict": ConflictError("something else"),
            "later": UnavailableError("busy", retry_after_ms=1_500),
            "sign-in": SignInError("again"),
            "bug": ValueError("hunter2"),
            "signed-in": RefusedError(call.signed_in.person if call.session else ""),
        }
        if how := call.path_args["how"]:
            if how == "needs-session":
                return Seen(language="en", person=call.signed_in.person)
            if how == "needs-key":
                return Seen(language="en", key=call.key)
        raise errors[how]


@attrs.define
class FakeDatabase:
    """Runs a transaction at once."""

    names: list[str] = attrs.field(factory=list)

    async def run(self, name: str, transaction: Any, *args: Any) -> Any:
        self.names.append(name)
        return transaction("txn", *args)


JSON: Final = {"content-type": "application/json"}
ROOM: Final = {"authorization": "Bearer room"}
KEY: Final = {"idempotency-key": "k1"}
GOOD: Final = {**JSON, **ROOM, **KEY}


class ApiCase(WebTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(7)
        self.database = FakeDatabase()
        self.sessions = FakeSessions()
        database: Any = self.database
        self.gate = Gate(
            database, self.clock, self.sessions, address_limit=FREE, session_limit=FREE
        )
        self.things = Things()
        self.root = API.resource(self.gate, self.things)

    def ask(self, method: str, path: str, body: object = b"", **headers: str) -> tuple[int, Any]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request(self.root, method, path, body, headers=given)

    def whole(self, method: str, path: str, headers: Any = None, body: bytes = b"") -> Any:
        """The answer with its headers, and its body."""
        http: Any = StubTreq(self.root)
        url = "http://service.test" + path
        response = self.successResultOf(http.request(method, url, headers=headers, data=body))
        return response, self.successResultOf(treq.content(response))


class ReadingTests(ApiCase):
    def test_a_transaction_learns_who_asks_in_itself(self) -> None:
        code, answer = self.ask("POST", "/things", {"name": "pen"}, **GOOD)

        assert code == 201
        assert (answer["person"], answer["level"]) == ("@alice:veche.test", "room")
        assert answer["thing"] == {"name": "pen", "count": 1, "colour": None}
        assert answer["key"] == "k1"
        assert self.database.names == ["things"]
        assert self.things.txns == ["txn"]

    def test_a_coroutine_gets_the_session_too(self) -> None:
        code, answer = self.ask("GET", "/things/a%20b", authorization="Bearer low")

        assert (code, answer["level"], answer["path"]) == (200, "low", {"thing_id": "a b"})
        assert self.database.names == []
        assert self.things.calls[0].now_ms == 7_000

    def test_an_open_route_takes_anybody_and_knows_who_signed_in(self) -> None:
        assert self.ask("GET", "/things?q=x")[1]["person"] is None
        assert self.ask("GET", "/things?q=x", authorization="Bearer low")[1]["level"] == "low"

    def test_a_token_that_is_over_is_told_on_open_routes_too(self) -> None:
        code, answer = self.ask("GET", "/things?q=x", authorization="Bearer old")
        assert (code, answer["errcode"]) == (401, "ORG.VECHE.SIGN_IN")

    def test_a_query_is_read_by_its_model(self) -> None:
        code, answer = self.ask("GET", "/things?q=a%20b+c&limit=50&colour=red&other=1")
        assert (code, answer["search"]) == (200, {"q": "a b c", "limit": 50, "colour": "red"})

    def test_the_prefix_itself_is_a_path(self) -> None:
        for path in ("", "/"):
            assert self.ask("POST", path, {"name": "x"}, **JSON)[0] == 200

    def test_an_id_with_a_slash_needs_the_path_converter(self) -> None:
        assert self.ask("GET", "/users/@a%2Fb:c/name")[1]["path"] == {"user_id": "@a/b:c"}
        assert self.ask("GET", "/things/a%2Fb", authorization="Bearer low")[0] == 404

    def test_head_is_get_without_a_body(self) -> None:
        response, body = self.whole("HEAD", "/things?q=x")
        assert (response.code, body) == (200, b"")

    def test_the_token_in_the_query_is_no_token(self) -> None:
        for name in ("access_token", "token", "authorization"):
            code, answer = self.ask("GET", f"/things/x?{name}=low")
            assert (code, answer["errcode"]) == (401, "ORG.VECHE.SIGN_IN")

    def test_no_header_changes_the_method(self) -> None:
        for name in ("x-http-method-override", "x-method-override", "x-http-method"):
            code, _ = self.ask("GET", "/things/x", **{name: "DELETE"}, authorization="Bearer low")
            assert code == 200
        assert self.ask("POST", "/things/x?_method=DELETE", authorization="Bearer low")[0] == 405


LANGUAGE_ROWS: Final = (
    # ?lang=, header, language of the session or None without one, the answer's language
    ("de", "ru", "uk", "de"),
    ("de", None, None, "de"),
    ("xx", "ru", "uk", "uk"),
    ("", "ru", "uk", "uk"),
    (None, "ru", "uk", "uk"),
    (None, "ru", None, "ru"),
    (None, "xx", None, "en"),
    (None, None, None, "en"),
)


class LanguageTests(ApiCase):
    def test_the_query_then_the_session_then_the_browser_says_the_language(self) -> None:
        for query, header, of_session, expected in LANGUAGE_ROWS:
            self.sessions.language = of_session or "en"
            headers = {"authorization": "Bearer low"} if of_session else {}
            if header:
                headers["accept-language"] = header
            path = "/things?q=x" if query is None else f"/things?q=x&lang={query}"
            assert self.ask("GET", path, **headers)[1]["language"] == expected

    def test_a_header_of_any_bytes_is_no_error(self) -> None:
        for header in (b"\xff\xfe", b"de;q=\xff", b"a" * 10_000):
            response, _ = self.whole("GET", "/things?q=x", headers={b"accept-language": [header]})
            assert response.code == 200


@each_row(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE", "de"),
        ("fr, de;q=0.5", "de"),
        ("en;q=0.1, uk;q=0.9, ru;q=0.8", "uk"),
        ("de;q=0, ru;q=0.001", "ru"),
        ("de;q=0", "en"),
        ("de;q=2", "en"),
        ("de;q=nan", "en"),
        ("de;q=", "en"),
        ("de ; q=0.4 , ru ; q=0.5", "ru"),
        ("*", "en"),
        ("xx," * 70 + "de", "en"),
    ],
)
def test_the_browser_says_its_languages_by_weight(header: str | None, language: str) -> None:
    assert accepted_language(header) == language


def refusal(
    status: int, errcode: str, field: str | None = None, *, headers: Any = None
) -> dict[str, Any]:
    return {"status": status, "errcode": errcode, "field": field, "headers": headers or {}}


MALFORMED: Final = "ORG.VECHE.MALFORMED"
BODY_ROWS: Final[dict[str, tuple[Any, dict[str, str], dict[str, Any]]]] = {
    # body, headers instead of GOOD, what comes
    "empty": (b"", {}, refusal(400, MALFORMED, "body")),
    "no JSON": (b"{", {}, refusal(400, MALFORMED, "body")),
    "a list": ([], {}, refusal(400, MALFORMED, "body")),
    "null": (b"null", {}, refusal(400, MALFORMED, "body")),
    "no UTF-8": (b'{"name": "\xff"}', {}, refusal(400, MALFORMED, "body")),
    "deep": (b"[" * 60_000, {}, refusal(400, MALFORMED, "body")),
    "a key twice": (b'{"name":"a","name":"b"}', {}, refusal(400, MALFORMED, "body")),
    "NUL": (b'{"name":"a\\u0000"}', {}, refusal(400, MALFORMED, "body")),
    "half a pair": (b'{"name":"\\ud800"}', {}, refusal(400, MALFORMED, "body")),
    "missing": ({}, {}, refusal(400, MALFORMED, "body.name")),
    "wrong type": ({"name": 5}, {}, refusal(400, MALFORMED, "body.name")),
    "too long": ({"name": "x" * 21}, {}, refusal(400, MALFORMED, "body.name")),
    "empty text": ({"name": ""}, {}, refusal(400, MALFORMED, "body.name")),
    "text for number": ({"name": "x", "count": "1"}, {}, refusal(400, MALFORMED, "body.count")),
    "true for number": ({"name": "x", "count": True}, {}, refusal(400, MALFORMED, "body.count")),
    "below": ({"name": "x", "count": -1}, {}, refusal(400, MALFORMED, "body.count")),
    "unknown word": ({"name": "x", "colour": "x"}, {}, refusal(400, MALFORMED, "body.colour")),
    "no type": ({"name": "x"}, {"content-type": ""}, refusal(400, MALFORMED, "Content-Type")),
    "text/plain": (
        {"name": "x"},
        {"content-type": "text/plain"},
        refusal(400, MALFORMED, "Content-Type"),
    ),
    "a form": (
        b'{"name": "x", "a": "="}',
        {"content-type": "application/x-www-form-urlencoded"},
        refusal(400, MALFORMED, "Content-Type"),
    ),
    "two types": (
        {"name": "x"},
        {"content-type": "text/plain, application/json"},
        refusal(400, MALFORMED, "Content-Type"),
    ),
    "no key": ({"name": "x"}, {"idempotency-key": ""}, refusal(400, MALFORMED, "Idempotency-Key")),
    "space in key": (
        {"name": "x"},
        {"idempotency-key": "a b"},
        refusal(400, MALFORMED, "Idempotency-Key"),
    ),
    "long key": (
        {"name": "x"},
        {"idempotency-key": "k" * (KEY_CHARACTERS_MAX + 1)},
        refusal(400, MALFORMED, "Idempotency-Key"),
    ),
    "foreign key": (
        {"name": "x"},
        {"idempotency-key": "é"},
        refusal(400, MALFORMED, "Idempotency-Key"),
    ),
    "nobody": (
        {"name": "x"},
        {"authorization": ""},
        refusal(401, "ORG.VECHE.SIGN_IN", headers={"www-authenticate": "Bearer"}),
    ),
    "nobody with a wrong body": (
        b"{",
        {"authorization": ""},
        refusal(401, "ORG.VECHE.SIGN_IN", headers={"www-authenticate": "Bearer"}),
    ),
    "over": (
        {"name": "x"},
        {"authorization": "Bearer old"},
        refusal(401, "ORG.VECHE.SIGN_IN", headers={"www-authenticate": "Bearer"}),
    ),
    "low": (
        {"name": "x"},
        {"authorization": "Bearer low"},
        refusal(403, "ORG.VECHE.LEVEL_TOO_LOW"),
    ),
    "another site": (
        {"name": "x"},
        {"sec-fetch-site": "cross-site"},
        refusal(403, "ORG.VECHE.FORBIDDEN"),
    ),
}
QUERY_ROWS: Final = {
    "": "query.q",
    "?": "query.q",
    "?limit=5": "query.q",
    "?q=" + "x" * 11: "query.q",
    "?q=x&limit=0": "query.limit",
    "?q=x&limit=51": "query.limit",
    "?q=x&limit=a": "query.limit",
    "?q=x&limit=": "query.limit",
    "?q=x&limit=1.5": "query.limit",
    "?q=x&colour=green": "query.colour",
    "?q=x&q=y": "query",
    "?q=x&z=1&z=1": "query",
    "?q=%ff": "query",
    "?%ff=x": "query",
    "?q=%00": "query",
    "?q=x&y=" + "z" * QUERY_BYTES_MAX: "query",
}
FAILURE_ROWS: Final = {
    "malformed": (400, MALFORMED),
    "refused": (409, "ORG.VECHE.REFUSED"),
    "missing": (404, "ORG.VECHE.NOT_FOUND"),
    "conflict": (409, "ORG.VECHE.CONFLICT"),
    "later": (503, "ORG.VECHE.UNAVAILABLE"),
    "sign-in": (401, "ORG.VECHE.SIGN_IN"),
    "needs-session": (401, "ORG.VECHE.SIGN_IN"),
    "needs-key": (400, MALFORMED),
}


class RefusalTests(ApiCase):
    def test_each_kind_of_bad_input_gets_its_answer(self) -> None:
        for name, (body, changes, expected) in BODY_ROWS.items():
            headers = {key: value for key, value in {**GOOD, **changes}.items() if value}
            code, answer = self.ask("POST", "/things", body, **headers)
            assert (code, answer["errcode"]) == (expected["status"], expected["errcode"]), name
            assert answer.get("field") == expected["field"], name
            assert answer["error"]
        assert self.things.txns == []

    def test_a_refusal_says_how_to_go_on_in_its_headers(self) -> None:
        response, _ = self.whole("POST", "/things", body=b"{}")
        assert response.code == 401
        assert response.headers.getRawHeaders("www-authenticate") == ["Bearer"]

    def test_json_is_taken_with_its_parameters(self) -> None:
        for kind in ("application/json", "APPLICATION/JSON", "application/json; charset=utf-8"):
            headers = {**GOOD, "content-type": kind}
            assert self.ask("POST", "/things", {"name": "x"}, **headers)[0] == 201

    def test_a_key_at_its_bounds_is_taken(self) -> None:
        for key in ("k", "k" * KEY_CHARACTERS_MAX, "!~" * 10):
            headers = {**GOOD, "idempotency-key": key}
            assert self.ask("POST", "/things", {"name": "x"}, **headers)[1]["key"] == key

    def test_each_kind_of_bad_query_names_its_field(self) -> None:
        for query, field in QUERY_ROWS.items():
            code, answer = self.ask("GET", f"/things{query}")
            assert (code, answer["errcode"], answer["field"]) == (400, MALFORMED, field), query

    def test_a_query_at_its_bound_is_read(self) -> None:
        query = "q=x&y=" + "z" * (QUERY_BYTES_MAX - 6)
        assert self.ask("GET", f"/things?{query}")[0] == 200
        assert self.ask("GET", f"/things?{query}z")[0] == 400

    def test_what_is_wanted_is_said_with_the_level(self) -> None:
        code, answer = self.ask("DELETE", "/things/x", **ROOM)
        assert (code, answer["required"]) == (403, "verified")
        assert self.ask("GET", "/things/x", authorization="Bearer room")[0] == 200

    def test_a_path_that_no_database_takes_leads_nowhere(self) -> None:
        for path in ("/things/%00", "/things/a%00b"):
            code, answer = self.ask("GET", path, authorization="Bearer low")
            assert (code, answer["errcode"]) == (404, "ORG.VECHE.NOT_FOUND")
        assert self.things.calls == []

    def test_paths_and_methods_that_are_none(self) -> None:
        for method, path, status in (
            ("GET", "/none", 404),
            ("GET", "/things/", 404),
            ("GET", "/things//x", 404),
            ("GET", "/./things?q=x", 404),
            ("GET", "/x/../things?q=x", 404),
            ("GET", "/things/x/../y", 404),
            ("GET", "/THINGS?q=x", 404),
            ("PUT", "/things", 405),
            ("PATCH", "/things/x", 405),
            ("OPTIONS", "/things", 405),
            ("TRACE", "/things", 405),
            ("get", "/things?q=x", 200),
        ):
            code, answer = self.ask(method, path, authorization="Bearer low")
            assert code == status, (method, path)
            if status != 200:
                assert answer["errcode"] == "M_UNRECOGNIZED"

    def test_what_routes_raise_becomes_an_answer(self) -> None:
        for how, (status, errcode) in FAILURE_ROWS.items():
            code, answer = self.ask("GET", f"/fails/{how}")
            assert (code, answer["errcode"]) == (status, errcode), how

    def test_a_bug_says_nothing(self) -> None:
        with self.assertLogs("veche.runtime.web", "ERROR"):
            code, answer = self.ask("GET", "/fails/bug")
        assert (code, answer) == (500, {"errcode": "M_UNKNOWN", "error": "Internal error"})

    def test_a_route_that_is_asked_too_often_says_when(self) -> None:
        response, body = self.whole("POST", "/slow")
        assert (response.code, body) == (204, b"")

        response, body = self.whole("POST", "/slow")

        assert response.code == 429
        assert response.headers.getRawHeaders("retry-after") == ["2"]
        assert b"M_LIMIT_EXCEEDED" in body
        assert len(self.things.calls) == 1
        self.clock.advance(2)
        assert self.whole("POST", "/slow")[0].code == 204


class AnswerTests(ApiCase):
    def test_nothing_is_204(self) -> None:
        response, body = self.whole("DELETE", "/things/x", {"authorization": "Bearer verified"})
        assert (response.code, body) == (204, b"")

    def test_a_file_is_kept_and_not_shown(self) -> None:
        response, body = self.whole("GET", "/file")
        assert body == b"%PDF"
        assert response.headers.getRawHeaders("content-type") == ["application/pdf"]
        assert response.headers.getRawHeaders("content-disposition") == [
            "attachment; filename*=UTF-8''a%20%22b%22%2F%D0%B6%0D%0Ax.pdf"
        ]

    def test_an_answer_is_json(self) -> None:
        response, _ = self.whole("GET", "/things?q=x")
        assert response.headers.getRawHeaders("content-type") == ["application/json"]

    def test_the_document_is_served(self) -> None:
        response, _ = self.whole("GET", "/openapi.json")
        assert response.headers.getRawHeaders("content-type") == ["application/json"]
        code, answer = self.ask("GET", "/openapi.json", sec_fetch_site="cross-site")
        assert (code, answer["info"]["title"]) == (200, "Things")


class DeclaringTests(ApiCase):
    def test_a_route_that_nobody_serves_is_told_at_once(self) -> None:
        with pytest.raises(ValueError, match="nothing serves GET /things"):
            API.resource(self.gate, object())

    def test_a_method_that_is_none_is_told_at_once(self) -> None:
        for method in ("PATCH", "get", "OPTIONS"):
            with pytest.raises(ValueError, match="no method"):
                Api("/x", "X").route(method, "/x", answer=None, summary="x")

    def test_a_transaction_is_no_coroutine_and_the_reverse(self) -> None:
        api = Api("/x", "X")

        async def waits(self: object, call: Call) -> None:
            """Wait."""

        def works(self: object, txn: object, call: Call) -> None:
            """Work."""

        with pytest.raises(ValueError, match="waits"):
            api.transaction("x", "GET", "/x", answer=None, summary="x")(waits)
        with pytest.raises(ValueError, match="works"):
            api.route("GET", "/x", answer=None, summary="x")(works)
        assert api.routes == []

    def test_pages_of_other_origins_read_only_what_is_open_to_anybody(self) -> None:
        def works(self: object, txn: object, call: Call) -> None:
            """Work."""

        api, what = Api("/x", "X"), {"answer": None, "summary": "x", "takes_other_sites": True}
        for method, more in (
            ("GET", {}),
            ("GET", {"auth": OrganisationKey()}),
            ("GET", {"auth": Auth.NONE, "needs_key": True}),
            ("POST", {"auth": Auth.NONE}),
        ):
            with pytest.raises(ValueError, match="only read"):
                api.transaction("x", method, "/x", **what, **more)(works)
        assert api.routes == []

    def test_only_a_session_has_a_level(self) -> None:
        api = Api("/x", "X")
        for group in (api.by_key("read"), api.sessionless):
            declare = group.transaction("x", "GET", "/x", answer=None, level=Level.LOW, summary="x")
            with pytest.raises(ValueError, match="only sessions"):
                declare(lambda _self, _txn, _call: None)
        assert api.routes == []

    def test_where_it_belongs_is_said_without_slashes(self) -> None:
        assert API.mount == "_veche/things/v1"


class OtherSitesTests(WebTestCase):
    """A route that scripts of other origins may read, beside one that they may not."""

    def answer(self, method: str, path: str, **headers: str) -> Any:
        api = Api("/_veche/signs/v1", "Signs")

        class Signs:
            @api.sessionless.route(
                "GET",
                "/<sign>",
                answer=Seen,
                takes_other_sites=True,
                limit=Limit(burst=1, per_s=1),
                summary="One",
            )
            async def one(self, call: Call) -> Seen:
                if call.path_args["sign"] == "gone":
                    raise NotFoundError("there is none")
                return seen(call)

            @api.sessionless.route("GET", "/ours/<sign>", answer=Seen, summary="Ours")
            async def ours(self, call: Call) -> Seen:
                return seen(call)

        sessions: Any = FakeSessions()
        database: Any = FakeDatabase()
        gate = Gate(database, Clock(), sessions, address_limit=FREE, session_limit=FREE)
        http: Any = StubTreq(api.resource(gate, Signs()))
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for _ in range(1 + path.count("again")):
            url = "http://service.test" + path
            got = self.successResultOf(http.request(method, url, headers=given))
        origins = got.headers.getRawHeaders("access-control-allow-origin")
        return got.code, origins, self.successResultOf(treq.json_content(got))

    def test_they_read_answers_and_refusals(self) -> None:
        for path, status in (("/there", 200), ("/gone", 404), ("/again", 429)):
            for site in ("cross-site", "same-site", "same-origin"):
                code, origins, _ = self.answer("GET", path, sec_fetch_site=site)
                assert (code, origins) == (status, ["*"]), (path, site)

    def test_whoever_asks_there_is_nobody(self) -> None:
        _, _, body = self.answer("GET", "/there", authorization="Bearer room")
        assert body["person"] is None

    def test_nothing_else_is_theirs(self) -> None:
        refused = self.answer("GET", "/ours/x", sec_fetch_site="cross-site")
        assert refused[:2] == (403, None)
        assert self.answer("GET", "/ours/x")[:2] == (200, None)
        # What a browser asks before it sends a header or a body of theirs: it gets no leave.
        assert self.answer("OPTIONS", "/there", sec_fetch_site="cross-site")[:2] == (405, None)


def test_a_secret_in_a_path_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    api = Api("/_veche/secrets/v1", "Secrets")

    class Secrets:
        @api.route("GET", "/<nonce>", answer=Seen, hides_path=True, summary="One")
        async def one(self, call: Call) -> Seen:
            if call.path_args["nonce"] == "hunter3":
                raise ValueError("a bug")
            return seen(call)

    sessions: Any = FakeSessions()
    database: Any = FakeDatabase()
    gate = Gate(database, Clock(), sessions, address_limit=FREE, session_limit=FREE)
    connection = Connection(root=api.resource(gate, Secrets()))

    with caplog.at_level(logging.INFO):
        connection.send(b"GET /hunter2 HTTP/1.1\r\nhost: service.test\r\n\r\n")
        connection.send(b"GET /hunter3 HTTP/1.1\r\nhost: service.test\r\n\r\n")

    assert "GET /_veche/secrets/v1/<nonce> 200" in caplog.text
    assert "GET /_veche/secrets/v1/<nonce> 500" in caplog.text
    assert "hunter" not in caplog.text
