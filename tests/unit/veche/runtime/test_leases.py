"""The loop that works on rows that are due: bounded, one of a key at once, and not to be ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from veche.protocol.errors import UnavailableError
from veche.runtime.leases import LeaseLoop
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

AT_ONCE_MAX = 2
POLL_MS = 5_000


class Letters(LeaseLoop[str]):
    """Rows are letters, due until they are worked on."""

    def __init__(self, clock: Clock, due: str) -> None:
        self.tasks = Tasks(running_max=10)
        super().__init__("letters", clock, self.tasks, at_once_max=AT_ONCE_MAX, poll_ms=POLL_MS)
        self.due = list(due)
        self.errors: list[Exception] = []
        self.working: list[tuple[str, Deferred[None]]] = []

    async def take(self, room: int) -> tuple[Sequence[str], int]:
        if self.errors:
            raise self.errors.pop()
        found, self.due = self.due[:room], self.due[room:]
        return found, POLL_MS

    async def work(self, row: str) -> None:
        end: Deferred[None] = Deferred()
        self.working.append((row, end))
        await end

    def key(self, row: str) -> str:
        return row.lower()


class LeaseLoopTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def loop(self, due: str) -> Letters:
        made = Letters(self.clock, due)
        self.addCleanup(lambda: Deferred.fromCoroutine(made.tasks.stop()))
        return made

    def test_so_many_are_worked_on_at_once_and_the_next_follows(self) -> None:
        loop = self.loop("abc")
        loop.start()

        assert [row for row, _ in loop.working] == ["a", "b"]
        assert set(loop.busy) == {"a", "b"}
        loop.working[0][1].callback(None)
        assert [row for row, _ in loop.working] == ["a", "b", "c"]

    def test_of_one_key_one_is_worked_on_at_once(self) -> None:
        loop = self.loop("aA")
        loop.start()

        assert [row for row, _ in loop.working] == ["a"]

    def test_a_notification_ends_the_sleep(self) -> None:
        loop = self.loop("")
        loop.start()
        loop.due = ["a"]
        loop.wake()

        assert [row for row, _ in loop.working] == ["a"]

    def test_no_error_ends_the_loop(self) -> None:
        loop = self.loop("a")
        loop.errors = [ValueError("a bug"), UnavailableError("no database", retry_after_ms=1_000)]
        loop.start()

        self.clock.advance(1)
        assert not loop.working
        self.clock.advance(POLL_MS / 1000)
        assert [row for row, _ in loop.working] == ["a"]

    def test_work_that_fails_makes_room(self) -> None:
        loop = self.loop("ab")
        loop.start()
        loop.due = ["c"]
        loop.working[0][1].errback(ValueError("a bug"))

        assert [row for row, _ in loop.working] == ["a", "b", "c"]
