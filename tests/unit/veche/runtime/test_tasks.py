from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from veche.runtime import metrics
from veche.runtime.tasks import Tasks


def value(name: str, task: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, {"name": task}) or 0


class TasksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tasks = Tasks(running_max=2)
        self.ended: list[str] = []

    async def wait(self, name: str, seconds: float) -> None:
        try:
            await deferLater(self.clock, seconds, lambda: None)
        finally:
            self.ended.append(name)

    def test_work_runs_to_its_end(self) -> None:
        assert self.tasks.spawn("a", self.wait("a", 5))
        assert value("veche_tasks_running", "a") == 1
        self.clock.advance(5)
        assert self.ended == ["a"]
        assert value("veche_tasks_running", "a") == 0

    def test_work_that_ends_at_once_is_not_kept(self) -> None:
        async def nothing() -> None:
            pass

        assert self.tasks.spawn("nothing", nothing())
        assert value("veche_tasks_running", "nothing") == 0

    def test_more_than_may_run_is_refused_until_something_ends(self) -> None:
        refused = value("veche_tasks_refused_total", "c")
        started = [self.tasks.spawn(name, self.wait(name, 5)) for name in "abc"]
        assert started == [True, True, False]
        assert self.tasks.refused_count == 1
        assert value("veche_tasks_refused_total", "c") == refused + 1

        self.clock.advance(5)
        assert self.tasks.spawn("d", self.wait("d", 5))

    def test_an_error_is_logged_with_its_name_and_counted(self) -> None:
        async def fail() -> None:
            raise ValueError("broken")

        failed = value("veche_tasks_failed_total", "failing")
        with self.assertLogs("veche.runtime.tasks", "ERROR") as logs:
            assert self.tasks.spawn("failing", fail())
        assert "failing" in logs.output[0]
        assert "ValueError: broken" in logs.output[0]
        assert value("veche_tasks_failed_total", "failing") == failed + 1

    def test_stop_cancels_what_runs_and_waits_for_it(self) -> None:
        self.tasks.spawn("a", self.wait("a", 5))
        self.successResultOf(Deferred.fromCoroutine(self.tasks.stop()))
        assert self.ended == ["a"]
        assert self.clock.getDelayedCalls() == []

    def test_stop_waits_for_what_takes_its_time_to_end(self) -> None:
        gate: Deferred[None] = Deferred(lambda _: None)

        async def slow() -> None:
            try:
                await deferLater(self.clock, 5, lambda: None)
            finally:
                await gate

        self.tasks.spawn("slow", slow())
        stopped = Deferred.fromCoroutine(self.tasks.stop())
        self.assertNoResult(stopped)  # type: ignore[no-untyped-call]  # Twisted
        gate.callback(None)
        self.successResultOf(stopped)

    def test_nothing_starts_after_stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.tasks.stop()))
        assert not self.tasks.spawn("late", self.wait("late", 5))
        assert self.ended == []
