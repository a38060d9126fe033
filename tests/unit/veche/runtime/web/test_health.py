from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from tests.support.web import WebTestCase
from veche.protocol.errors import UnavailableError
from veche.runtime.web.health import CHECK_S_MAX, KEPT_S, HealthRoutes


async def well() -> None:
    pass


class HealthTests(WebTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def ready(self, **checks: Callable[[], Awaitable[None]]) -> tuple[int, Any]:
        root = HealthRoutes(checks, self.clock).app.resource()
        return self.request(root, "GET", "/ready")

    def test_a_process_that_answers_is_alive(self) -> None:
        root = HealthRoutes({}, self.clock).app.resource()
        assert self.request(root, "GET", "/health") == (200, {"is_alive": True})

    def test_it_is_ready_if_all_checks_are_well(self) -> None:
        assert self.ready(database=well, homeserver=well) == (
            200,
            {"is_ready": True, "checks": {"database": "ok", "homeserver": "ok"}},
        )

    def test_one_bad_check_is_enough_and_says_why(self) -> None:
        async def bad() -> None:
            raise UnavailableError("no connection", retry_after_ms=1)

        assert self.ready(database=bad, homeserver=well) == (
            503,
            {"is_ready": False, "checks": {"database": "no connection", "homeserver": "ok"}},
        )

    def test_an_unexpected_error_is_logged_and_not_told(self) -> None:
        async def broken() -> None:
            raise ValueError("detail")

        with self.assertLogs("veche.runtime.web.health", "ERROR") as logs:
            code, body = self.ready(database=broken)
        assert (code, body["checks"]) == (503, {"database": "failed"})
        assert "detail" in logs.output[0]

    def test_a_check_that_does_not_end_counts_as_failed(self) -> None:
        routes = HealthRoutes({"slow": Deferred, "fast": lambda: succeed(None)}, self.clock)
        results = Deferred.fromCoroutine(routes.results())
        self.clock.advance(CHECK_S_MAX - 0.1)
        self.assertNoResult(results)  # type: ignore[no-untyped-call]  # Twisted
        self.clock.advance(0.1)
        assert self.successResultOf(results) == {"slow": "no answer within 5 s", "fast": "ok"}

    def test_asking_often_costs_one_check(self) -> None:
        asked: list[None] = []

        async def count() -> None:
            asked.append(None)

        routes = HealthRoutes({"count": count}, self.clock)
        for _ in range(3):
            self.successResultOf(Deferred.fromCoroutine(routes.results()))
        assert len(asked) == 1

        self.clock.advance(KEPT_S)
        self.successResultOf(Deferred.fromCoroutine(routes.results()))
        assert len(asked) == 2

    def test_asking_meanwhile_waits_for_the_same_check(self) -> None:
        asked: list[Deferred[None]] = []

        def wait() -> Deferred[None]:
            asked.append(Deferred())
            return asked[-1]

        routes = HealthRoutes({"wait": wait}, self.clock)
        both = [Deferred.fromCoroutine(routes.results()) for _ in range(2)]
        assert len(asked) == 1
        both[0].cancel()
        asked[0].callback(None)
        assert self.successResultOf(both[1]) == {"wait": "ok"}
        self.failureResultOf(both[0])  # type: ignore[no-untyped-call]  # Twisted

    def test_metrics_are_served(self) -> None:
        from treq.testing import StubTreq  # noqa: PLC0415

        http: Any = StubTreq(HealthRoutes({}, self.clock).app.resource())
        answer = self.successResultOf(http.get("http://service.test/metrics"))
        text = self.successResultOf(http.content(answer))
        assert answer.headers.getRawHeaders("content-type")[0].startswith("text/plain")
        assert b"# TYPE veche_http_request_seconds histogram" in text
