"""Health of the process and its metrics, for its operator."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar, Final

from twisted.internet.defer import Deferred, TimeoutError, gatherResults  # noqa: A004

from veche.protocol.errors import VecheError
from veche.runtime import metrics
from veche.runtime.web.server import json_answer, new_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from klein import Klein
    from twisted.internet.interfaces import IReactorTime
    from twisted.web.iweb import IRequest

    Check = Callable[[], Awaitable[None]]

logger = logging.getLogger(__name__)

CHECK_S_MAX: Final = 5.0
"""How long one check may take before it counts as failed."""
KEPT_S: Final = 1.0
"""How long an answer of ``/ready`` is used again, so that asking costs nothing."""


class HealthRoutes:
    """``/health``, ``/ready`` and ``/metrics``; serve it on a loopback or internal address.

    ``/health`` answers while the process can answer at all: restart it if it does not.
    ``/ready`` runs named checks: send it no work while one fails. Its answer names the checks
    and says of a failed one what an error of ours says, else only that it failed.
    """

    app: ClassVar[Klein] = new_app()

    def __init__(self, checks: Mapping[str, Check], reactor: IReactorTime) -> None:
        """Keep the checks.

        Args:
            checks: By name. A check returns if all is well and raises if not.
            reactor: Its clock bounds the checks.
        """
        self._checks = dict(checks)
        self._reactor = reactor
        self._waiting: list[Deferred[None]] | None = None
        self._results: dict[str, str] = {}
        self._until_s = float("-inf")

    @app.route("/health", methods=["GET"])
    async def health(self, request: IRequest) -> bytes:
        """The process runs."""
        return json_answer(request, 200, {"is_alive": True})

    @app.route("/ready", methods=["GET"])
    async def ready(self, request: IRequest) -> bytes:
        """200 if every check is well, else 503."""
        results = await self.results()
        is_ready = all(result == "ok" for result in results.values())
        return json_answer(
            request, 200 if is_ready else 503, {"is_ready": is_ready, "checks": results}
        )

    @app.route("/metrics", methods=["GET"])
    async def metrics(self, request: IRequest) -> bytes:
        """Prometheus' text format."""
        request.setHeader(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        return metrics.text()

    async def results(self) -> Mapping[str, str]:
        """``ok``, or what is wrong, by the name of the check; at most ``KEPT_S`` old."""
        if self._reactor.seconds() >= self._until_s:
            if self._waiting is None:
                self._waiting = []
                Deferred.fromCoroutine(self._run_checks())
            if self._waiting is not None:
                # Of its own: who hangs up cancels this wait and not the checks.
                waiting: Deferred[None] = Deferred(self._waiting.remove)
                self._waiting.append(waiting)
                await waiting
        return self._results

    async def _run_checks(self) -> None:
        names = list(self._checks)
        said = await gatherResults([Deferred.fromCoroutine(self._check(name)) for name in names])
        self._results = dict(zip(names, said, strict=True))
        self._until_s = self._reactor.seconds() + KEPT_S
        waiting, self._waiting = self._waiting or [], None
        for one in waiting:
            one.callback(None)

    async def _check(self, name: str) -> str:
        async def run() -> None:
            await self._checks[name]()

        running = Deferred.fromCoroutine(run())
        running.addTimeout(CHECK_S_MAX, self._reactor)
        try:
            await running
        except TimeoutError:
            return f"no answer within {CHECK_S_MAX:g} s"
        except VecheError as e:
            return str(e)
        except Exception:
            logger.exception("the check %s failed", name)
            return "failed"
        return "ok"
