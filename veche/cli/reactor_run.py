"""Commands that talk with others: one coroutine, in a reactor that runs for as long as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def run_to_end(work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """Run a command's work; once in a process.

    Raises:
        KeyboardInterrupt: Somebody ended it before.
        Exception: What the work raises.
    """
    # Here and not above, since importing the reactor installs it.
    from twisted.internet import reactor  # noqa: PLC0415, TID251 -- the composition root

    one: Any = reactor
    outcome: list[Any] = []

    def begin() -> None:
        working = Deferred.fromCoroutine(work(one))
        working.addBoth(outcome.append)
        working.addBoth(lambda _: one.stop())

    one.callWhenRunning(begin)
    one.run()
    if not outcome:
        raise KeyboardInterrupt
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
