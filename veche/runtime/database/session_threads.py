"""Threads with a session of PostgreSQL each, which hand what comes of their work to the reactor.

Threads of our own and not ``adbapi``: a thread keeps its connection, and results of many works wake
the reactor once (`tests/benchmarks/bench_database.py` compares the two).
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorFromThreads


class Droppable(Protocol):
    """The resource with which a thread works."""

    def drop(self) -> None:
        """Close the connection, if there is one."""


S = TypeVar("S", bound=Droppable)
R = TypeVar("R")


class SessionThreads(Generic[S]):
    """Does one piece of work after another in each thread; each goes on to its end."""

    def __init__(
        self, name: str, reactor: IReactorFromThreads, make: Callable[[], S], *, count: int = 1
    ) -> None:
        """Start the threads."""
        self._reactor = reactor
        self._make = make
        self._is_closed = False
        self._lock = threading.Lock()
        # Under the lock: mailboxes of idle threads, the last used one last, since its connection
        # is warm; jobs that wait for a thread; what the reactor shall tell to callers.
        self._idle: list[SimpleQueue[Callable[[S], None] | None]] = []
        self._jobs: deque[Callable[[S], None]] = deque()
        self._ended: list[Callable[[], None]] = []
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting_count(self) -> int:
        """How many pieces of work wait for a thread."""
        return len(self._jobs)

    def do(self, work: Callable[[S], R]) -> Deferred[R]:
        """Do something with the session of a thread.

        To cancel what is returned drops the result: the thread cannot be stopped.
        """
        result: Deferred[R] = Deferred(lambda _: None)

        def job(session: S) -> None:
            try:
                value = work(session)
            except BaseException as e:  # noqa: BLE001 -- the thread's edge: told to the caller
                # Not in a variable of this frame: the error has the frame, and the arguments in it.
                self._tell(functools.partial(_fail, result, e))
            else:
                self._tell(lambda: None if result.called else result.callback(value))

        with self._lock:
            if not self._idle:
                self._jobs.append(job)
                return result
            mailbox = self._idle.pop()
        mailbox.put(job)
        return result

    def close(self, wait_s: float) -> None:
        """Do what waits, drop the sessions and end the threads; it blocks meanwhile.

        Args:
            wait_s: How long each thread is waited for.
        """
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for mailbox in idle:
            mailbox.put(None)
        for thread in self._threads:
            thread.join(wait_s)

    def _work(self) -> None:
        mailbox: SimpleQueue[Callable[[S], None] | None] = SimpleQueue()
        session = self._make()
        while (job := self._next(mailbox)) is not None:
            job(session)
            # Not kept until the next job: it holds the caller's arguments.
            del job
        session.drop()

    def _next(self, mailbox: SimpleQueue[Callable[[S], None] | None]) -> Callable[[S], None] | None:
        """The next job for the thread of a mailbox; None if there will be no more."""
        with self._lock:
            if self._jobs:
                return self._jobs.popleft()
            if self._is_closed:
                return None
            self._idle.append(mailbox)
        return mailbox.get()

    def _tell(self, end: Callable[[], None]) -> None:
        """Have ``end`` called by the reactor, together with others that ended meanwhile."""
        with self._lock:
            self._ended.append(end)
            is_first = len(self._ended) == 1
        if is_first:
            self._reactor.callFromThread(self._end)

    def _end(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        ended.reverse()
        while ended:
            ended.pop()()


def _fail(result: Deferred[R], error: BaseException) -> None:
    if not result.called:
        result.errback(error)
