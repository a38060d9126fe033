"""The threads in which keys sign: never the reactor's, and not those that others need.

A token takes its time, and may not answer at all. With threads of its own it holds neither
transactions nor the look-up of names; what waits is bounded, and one more is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.threadpool import ThreadPool

from veche.protocol.errors import UnavailableError
from veche.runtime import metrics
from veche.runtime.threads import in_thread, keep, taken

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS: Final = 2
"""Keys in files are quick, and a token's library is used by one thread at a time."""
WAITING_MAX: Final = 500
_RETRY_AFTER_MS: Final = 1_000

P = ParamSpec("P")
R = TypeVar("R")

_refused = metrics.counter(
    "veche_signing_refused_total", "Signatures that were refused since too many waited."
)


class SigningPool:
    """Threads for keys."""

    def __init__(
        self, reactor: Any, *, waiting_max: int = WAITING_MAX, threads: int = THREADS
    ) -> None:
        """Make it; the first work starts a thread.

        Args:
            reactor: To which results come back.
            waiting_max: Works at a time, those that run included.
            threads: More than the usual where some of the work waits for others.
        """
        self._reactor = reactor
        self._waiting_max = waiting_max
        self._waiting = 0
        self._pool = ThreadPool(0, threads, "signing")
        self._is_started = False

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do some work in one of the threads.

        Raises:
            UnavailableError: Too much waits already.
        """
        if self._waiting >= self._waiting_max:
            _refused.inc()
            raise UnavailableError(
                "Too many signatures are asked for: try again in a moment",
                retry_after_ms=_RETRY_AFTER_MS,
            )
        if not self._is_started:
            self._is_started = True
            self._pool.start()
        self._waiting += 1
        found: Deferred[None] = Deferred()
        outcome: list[Any] = []

        def ended(is_done: bool, result: Any) -> None:
            self._reactor.callFromThread(self._ended, found, is_done, result)

        self._pool.callInThreadWithCallback(ended, lambda: keep(outcome, work, *args, **kwargs))
        await found
        done: R = taken(outcome)
        return done

    async def close(self) -> None:
        """End the threads once what they do is done."""
        if self._is_started:
            await in_thread(self._reactor, self._pool.stop)

    def _ended(self, found: Deferred[None], is_done: bool, result: Any) -> None:
        # Not where it is awaited: whoever asked may have gone, and the thread is held all the same.
        self._waiting -= 1
        if is_done:
            found.callback(result)
        else:
            found.errback(result)
