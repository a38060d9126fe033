"""Work beside the reactor, whose failure keeps nothing of what it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from twisted.internet.threads import deferToThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(reactor: Any, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do some work in a thread of the reactor.

    What it raises is raised here. Twisted would keep it in a frame of the thread, and by it the
    frames of the work with all their arguments, such as a file: a cycle, which stays until the
    garbage collector comes.
    """
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work(*args, **kwargs))
        except Exception as e:  # noqa: BLE001 -- the thread's edge: raised below
            outcome.append(e)

    await deferToThreadPool(reactor, reactor.getThreadPool(), run)
    if isinstance(outcome[0], Exception):
        raise outcome.pop()
    done: R = outcome.pop()
    return done
