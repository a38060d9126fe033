"""Work beside the reactor, whose failure keeps nothing of what it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from twisted.internet.threads import deferToThreadPool  # noqa: TID251 -- made safe here

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
    await deferToThreadPool(
        reactor, reactor.getThreadPool(), lambda: keep(outcome, work, *args, **kwargs)
    )
    done: R = taken(outcome)
    return done


def keep(outcome: list[Any], work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do some work in a thread of any pool, and put what it comes to into a list for ``taken``."""
    try:
        outcome.append(work(*args, **kwargs))
    except Exception as e:  # noqa: BLE001 -- the thread's edge: raised by ``taken``
        outcome.append(e)


def taken(outcome: list[Any]) -> Any:
    """Return, or raise, what the work of ``keep`` came to; the list has it no more."""
    if isinstance(outcome[0], Exception):
        raise outcome.pop()
    return outcome.pop()
