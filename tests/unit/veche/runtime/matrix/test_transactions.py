"""What the homeserver may call, and what it is answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.web import WebTestCase
from veche.protocol.errors import UnavailableError
from veche.runtime.matrix.transactions import Transactions

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN = {"authorization": "Bearer secret"}
PUSH = "/_matrix/app/v1/transactions/1"


class FakeTaker:
    def __init__(self) -> None:
        self.events: list[object] = []
        self.error: Exception | None = None

    async def take(self, events: Sequence[object]) -> None:
        if self.error is not None:
            raise self.error
        self.events += events


class TransactionsTests(WebTestCase):
    def setUp(self) -> None:
        self.taker = FakeTaker()
        self.resource = Transactions("secret", self.taker)

    def ask(
        self, method: str, path: str, body: object = None, headers: Any = None
    ) -> tuple[int, Any]:
        given = TOKEN if headers is None else headers
        return self.request(self.resource, method, path, body, headers=given)

    def test_events_are_taken_and_acknowledged(self) -> None:
        events = [{"event_id": "$1"}, {"event_id": "$2"}]

        assert self.ask("PUT", PUSH, {"events": events}) == (200, {})
        assert self.taker.events == events

    def test_unknown_keys_are_ignored(self) -> None:
        body = {"events": [], "ephemeral": [1], "de.sorunome.msc2409.to_device": [2], "x": 3}

        assert self.ask("PUT", PUSH, body) == (200, {})
        assert self.taker.events == []

    def test_a_wrong_token_is_refused_and_nothing_taken(self) -> None:
        for headers in (
            {},
            {"authorization": "Bearer wrong"},
            {"authorization": "bearer secret"},
            {"authorization": "secret"},
            {"authorization": "Bearer secre\u0074\u0301"},
        ):
            status, body = self.ask("PUT", PUSH, {"events": [{}]}, headers)
            assert (status, body["errcode"]) == (403, "M_FORBIDDEN")
        status, _ = self.ask("PUT", PUSH + "?access_token=secret", {"events": [{}]}, {})
        assert status == 403
        assert self.taker.events == []

    def test_what_is_not_a_list_of_events_is_an_alarm_and_400(self) -> None:
        bodies: list[object] = [
            b"",
            b"{",
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"events": 1' + b"0" * 5_000 + b"}",
            b'{"events":',
            [],
            "text",
            None,
            5,
            {},
            {"events": None},
            {"events": {}},
            {"events": "no"},
        ]
        for body in bodies:
            with self.assertLogs("veche.runtime.matrix.transactions", "ERROR"):
                status, answer = self.ask("PUT", PUSH, body)
            assert (status, answer["errcode"]) == (400, "M_BAD_JSON"), body
        assert self.taker.events == []

    def test_an_event_that_nobody_can_read_stops_no_other(self) -> None:
        hostile = [b"1e999", b"9" * 5_000, b"-Infinity", b"[" * 2_000 + b"]" * 2_000]
        for number, value in enumerate(hostile):
            body = b'{"events": [{"content": {"x": %b}}, {"number": %d}]}' % (value, number)
            assert self.ask("PUT", PUSH, body) == (200, {})
            assert self.taker.events[-1] == {"number": number}
            json.dumps(self.taker.events, allow_nan=False)

    def test_what_is_not_stored_is_not_acknowledged(self) -> None:
        self.taker.error = UnavailableError("no database", retry_after_ms=1)

        status, body = self.ask("PUT", PUSH, {"events": [{}]})

        assert (status, body["errcode"]) == (503, "ORG.VECHE.UNAVAILABLE")

    def test_a_bug_is_500_without_its_text(self) -> None:
        self.taker.error = RuntimeError("with a secret")

        with self.assertLogs("veche.runtime.matrix.transactions", "ERROR"):
            status, body = self.ask("PUT", PUSH, {"events": [{}]})

        assert status == 500
        assert "secret" not in json.dumps(body)

    def test_a_ping_is_answered(self) -> None:
        assert self.ask("POST", "/_matrix/app/v1/ping", {"transaction_id": "x"}) == (200, {})
        assert self.ask("POST", "/_matrix/app/v1/ping", {}, {})[0] == 403

    def test_nobody_is_made_by_a_question(self) -> None:
        for path in ("users/%40veche_new%3Aexample.org", "rooms/%23veche_new%3Aexample.org"):
            status, body = self.ask("GET", "/_matrix/app/v1/" + path)
            assert (status, body["errcode"]) == (404, "M_NOT_FOUND")

    def test_other_methods_and_paths_are_refused(self) -> None:
        for method, path, wanted in [
            ("GET", "/_matrix/app/v1/transactions/1", 405),
            ("POST", "/_matrix/app/v1/transactions/1", 405),
            ("GET", "/_matrix/app/v1/ping", 405),
            ("PUT", "/_matrix/app/v1/users/x", 405),
            ("PUT", "/_matrix/app/v1/transactions", 404),
            ("PUT", "/_matrix/app/v1/transactions/", 404),
            ("PUT", "/_matrix/app/v1/transactions/1/2", 404),
            ("PUT", "/transactions/1", 404),
            ("POST", "/_matrix/app/v1/ping/x", 404),
            ("GET", "/_matrix/app/v1/thirdparty/protocol/x", 404),
            ("GET", "/", 404),
        ]:
            status, body = self.ask(method, path, {"events": []})
            assert (status, body["errcode"]) == (wanted, "M_UNRECOGNIZED"), (method, path)


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_whole_batch_is_taken_in_order(size: int) -> None:
    case: Any = TransactionsTests()  # type: ignore[no-untyped-call]  # trial's
    case.setUp()
    events = [{"event_id": f"${number}"} for number in range(size)]

    assert case.ask("PUT", PUSH, {"events": events}) == (200, {})
    assert case.taker.events == events
