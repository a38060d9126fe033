"""Jobs are done in the end, finished once, and by one of several processes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from twisted.internet.defer import Deferred

from tests.integration.veche.rig import OfflineCase, now_ms, pause, reactor, until
from tests.support.postgres import execute
from tests.support.processes import ROOT, Child
from veche.messaging.jobs import (
    CHANNEL,
    PAYLOAD_BYTES_MAX,
    Job,
    JobRunner,
    cancel,
    jobs,
    schedule,
    store,
)
from veche.protocol.errors import NotYetError, RefusedError, UnavailableError
from veche.protocol.ids import EffectId
from veche.runtime import metrics
from veche.runtime.crypto.writer import LostWriterError
from veche.runtime.database.listener import Listener
from veche.runtime.database.presence import Presence
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.integration.veche.rig import Rig
    from veche.runtime.database import Cursor


@attrs.define
class FakeHandler:
    """Does what the test wants; keeps what was finished in the database."""

    perform_now: Callable[[Job], Any] = lambda _: None
    attempts: list[str] = attrs.field(factory=list)

    async def perform(self, job: Job) -> Mapping[str, Any]:
        self.attempts.append(job.id)
        result = self.perform_now(job)
        if hasattr(result, "__await__"):
            await result
        return {"said": job.payload["say"]}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], at_ms: int) -> None:
        del at_ms
        txn.execute("INSERT INTO ended VALUES (%s, %s)", (job.id, result["said"]))

    def refused(self, txn: Cursor, job: Job, error: RefusedError, at_ms: int) -> None:
        del at_ms
        txn.execute("INSERT INTO ended VALUES (%s, %s)", (job.id, f"refused: {error}"))


class AgainHandler(FakeHandler):
    """Orders the job again when it has ended for the first time."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], at_ms: int) -> None:
        times = len(self.attempts)
        numbered = attrs.evolve(job, id=EffectId(f"{job.id}{times}"))
        super().finish(txn, numbered, result, at_ms)
        if times == 1:
            schedule(txn, attrs.evolve(job, due_at_ms=now_ms()))


class JobTests(OfflineCase):
    async def begin(
        self, handler: FakeHandler | None = None, presence: Presence | None = None
    ) -> tuple[Rig, FakeHandler]:
        rig = await self.rig(starts=False)
        execute(self.dsn, "CREATE TABLE IF NOT EXISTS ended (id text PRIMARY KEY, said text)")
        handler = handler or FakeHandler()
        tasks = Tasks(running_max=50)
        loop = JobRunner(rig.database, reactor, tasks, {"say": handler}, presence)
        show = presence.show if presence is not None else None
        listener = Listener(self.dsn, reactor, {CHANNEL: loop.wake}, show)
        listener.start()
        if presence is not None:
            await until(lambda: presence.shown_number is not None, "seen by others")
        loop.start()
        self.ends: Callable[[], Any] = lambda: rig_end(tasks, listener)
        self.addCleanup(self.ends)
        return rig, handler

    async def schedule(self, rig: Rig, name: str, delay_ms: int = 0, kind: str = "say") -> None:
        job = Job(EffectId(name), kind, {"say": name}, now_ms() + delay_ms)
        await rig.database.run("test", schedule, job)

    def ended(self) -> list[tuple[object, ...]]:
        return execute(self.dsn, "SELECT id, said FROM ended ORDER BY id")

    async def hold(self, rig: Rig, handler: FakeHandler) -> Deferred[None]:
        """Begin a job "a"; it is performed when what is returned fires."""
        held: Deferred[None] = Deferred()
        handler.perform_now = lambda _: held
        await self.schedule(rig, "a")
        await until(lambda: handler.attempts, "at work")
        return held

    async def ends_after(self, held: Deferred[None]) -> None:
        """Let it go on, until it has ended."""
        before = done_count()
        held.callback(None)
        await until(lambda: done_count() > before, "ended")

    def left(self) -> list[object]:
        return [row[0] for row in execute(self.dsn, "SELECT errand_id FROM runtime.errand")]

    async def test_an_errand_is_done_at_once_and_gone(self) -> None:
        self.swap(jobs, "POLL_MS", 600_000)  # so that it is not the slow look
        rig, _ = await self.begin()

        await self.schedule(rig, "a")

        await until(lambda: self.ended() == [("a", "a")], "done")
        assert self.left() == []

    async def test_a_job_that_orders_itself_again_is_done_again_at_once(self) -> None:
        rig, _ = await self.begin(AgainHandler())
        run = rig.database.run

        async def slow_to_tell(name: str, *args: Any, **kwargs: Any) -> Any:
            found = await run(name, *args, **kwargs)
            if name == "errand finished":
                await pause(0.2)  # the loop hears of the new job before it hears of the end
            return found

        self.swap(rig.database, "run", slow_to_tell)
        await self.schedule(rig, "a")

        await until(lambda: self.ended() == [("a1", "a"), ("a2", "a")], "done twice")

    async def test_the_same_errand_twice_is_one(self) -> None:
        rig, handler = await self.begin()
        for _ in range(3):
            await self.schedule(rig, "later", 600_000)
        execute(self.dsn, "UPDATE runtime.errand SET due_at_ms = 0")
        execute(self.dsn, f"NOTIFY {CHANNEL}, 'say'")

        await until(self.ended, "done")
        await pause(0.2)
        assert handler.attempts == ["later"]

    async def test_timers_ring_in_time_and_not_before(self) -> None:
        self.swap(jobs, "POLL_MS", 600_000)  # so that it is not the slow look
        rig, handler = await self.begin()
        late_ms: dict[str, int] = {}

        def note(job: Job) -> None:
            late_ms[job.id] = now_ms() - job.due_at_ms

        handler.perform_now = note
        await self.schedule(rig, "late", 700)
        await self.schedule(rig, "early", 200)

        await until(lambda: len(self.ended()) == 2, "both")
        assert min(late_ms.values()) >= 0
        assert handler.attempts in (["early", "late"], ["late", "early"])  # each once

    async def test_a_cancelled_errand_is_not_done(self) -> None:
        rig, handler = await self.begin()

        def work(txn: Cursor) -> None:
            schedule(txn, Job(EffectId("a"), "say", {"say": "a"}, now_ms()))
            cancel(txn, EffectId("a"))

        await self.schedule(rig, "a", 600_000)
        await rig.database.run("test", cancel, EffectId("a"))
        assert self.left() == []
        await rig.database.run("test", work)
        await self.schedule(rig, "b")

        await until(lambda: self.ended() == [("b", "b")], "the other")
        assert handler.attempts == ["b"]

    async def test_one_cancelled_while_it_is_performed_finishes_nothing(self) -> None:
        rig, handler = await self.begin()
        held = await self.hold(rig, handler)

        await rig.database.run("test", cancel, EffectId("a"))

        await self.ends_after(held)
        assert self.ended() == []

    async def test_failures_are_tried_again(self) -> None:
        self.swap(jobs, "RETRY_MS_MIN", 20)
        rig, handler = await self.begin()
        failures: list[Exception] = [
            UnavailableError("away", retry_after_ms=10),
            RuntimeError("a bug"),
            KeyError("another"),
        ]

        def fail(_job: Job) -> None:
            if failures:
                raise failures.pop(0)

        handler.perform_now = fail
        with self.assertLogs("veche.messaging.jobs", "ERROR") as logs:
            await self.schedule(rig, "a")
            await until(lambda: self.ended() == [("a", "a")], "done in the end")

        assert handler.attempts == ["a"] * 4
        assert len(logs.output) == 2  # an absent server is no bug

    async def test_a_refusal_ends_it(self) -> None:
        rig, handler = await self.begin()

        def refuse(_job: Job) -> None:
            raise RefusedError("never")

        handler.perform_now = refuse
        with self.assertLogs("veche.messaging.jobs", "WARNING") as logs:
            await self.schedule(rig, "a")
            await until(lambda: self.ended() == [("a", "refused: never")], "refused")

        assert self.left() == []
        assert "errand say a is refused: ORG.VECHE.REFUSED" in logs.output[0]

    async def test_what_is_not_granted_yet_is_asked_for_again(self) -> None:
        self.swap(jobs, "RETRY_MS_MIN", 20)
        rig, handler = await self.begin()

        def grant_later(_: Job) -> None:
            if len(handler.attempts) < jobs.NOT_YET_ATTEMPTS:
                raise NotYetError("not yet")

        handler.perform_now = grant_later
        await self.schedule(rig, "a")

        await until(lambda: self.ended() == [("a", "a")], "done")
        assert len(handler.attempts) == jobs.NOT_YET_ATTEMPTS

    async def test_what_is_never_granted_counts_as_refused(self) -> None:
        self.swap(jobs, "RETRY_MS_MIN", 20)
        rig, handler = await self.begin()

        def refuse(_: Job) -> None:
            raise NotYetError("not yet")

        handler.perform_now = refuse
        await self.schedule(rig, "a")

        await until(lambda: self.ended() == [("a", "refused: not yet")], "refused")
        assert len(handler.attempts) == jobs.NOT_YET_ATTEMPTS
        assert self.left() == []

    async def test_a_finish_that_fails_leaves_it_to_be_done(self) -> None:
        self.swap(jobs, "RETRY_MS_MIN", 20)
        rig, handler = await self.begin()
        execute(self.dsn, "INSERT INTO ended VALUES ('a', 'in the way')")

        with self.assertLogs("veche.messaging.jobs", "ERROR"):
            await self.schedule(rig, "a")
            await until(lambda: len(handler.attempts) > 1, "tried again")
            assert self.left() == ["a"]
            execute(self.dsn, "DELETE FROM ended")
            await until(lambda: self.ended() == [("a", "a")], "done")

    async def test_one_that_takes_too_long_is_tried_again(self) -> None:
        self.swap(jobs, "PERFORM_TIMEOUT_S", 0.1)
        self.swap(jobs, "RETRY_MS_MIN", 20)
        rig, handler = await self.begin()
        slow = [True]
        handler.perform_now = lambda _: Deferred() if slow and slow.pop() else None

        await self.schedule(rig, "a")

        await until(lambda: self.ended() == [("a", "a")], "done")
        assert handler.attempts == ["a", "a"]

    async def test_an_attempt_that_was_overtaken_finishes_nothing(self) -> None:
        rig, handler = await self.begin()
        held = await self.hold(rig, handler)

        execute(self.dsn, "UPDATE runtime.errand SET lease = lease + 1")

        await self.ends_after(held)
        assert self.ended() == []
        assert self.left() == ["a"]

    async def test_two_processes_do_each_errand_once(self) -> None:
        first, one = await self.begin()
        _, other = await self.begin()
        one.perform_now = other.perform_now = lambda _: pause(0.01)
        for number in range(40):
            await self.schedule(first, f"{number:02}")

        await until(lambda: len(self.ended()) == 40, "all")
        await pause(0.1)
        done = one.attempts + other.attempts
        assert sorted(done) == [f"{number:02}" for number in range(40)]

    async def test_a_process_that_does_not_speak_for_the_bot_hands_an_errand_on(self) -> None:
        def not_ours(_: Job) -> None:
            raise LostWriterError("another process speaks", retry_after_ms=2_000)

        self.swap(jobs, "HAND_ON_MS", 600_000)
        rig, elsewhere = await self.begin(FakeHandler(not_ours))
        for name in "abc":
            await self.schedule(rig, name)
        await until(lambda: len(set(elsewhere.attempts)) == 3, "tried by the first process")
        await self.begin(FakeHandler())

        await until(lambda: len(self.ended()) == 3, "done by the second process")
        assert sorted(elsewhere.attempts) == ["a", "b", "c"]

    async def test_errands_of_other_services_are_left_alone(self) -> None:
        rig, handler = await self.begin()

        await self.schedule(rig, "theirs", kind="other")
        await self.schedule(rig, "ours")

        await until(lambda: self.ended() == [("ours", "ours")], "ours")
        assert handler.attempts == ["ours"]
        assert self.left() == ["theirs"]

    async def test_a_process_that_ends_leaves_its_errand_to_others(self) -> None:
        self.swap(store, "LEASE_MS", 300)
        stuck = FakeHandler(lambda _: Deferred())
        rig, _ = await self.begin(stuck)
        await self.schedule(rig, "a")
        await until(lambda: stuck.attempts, "at work")
        await self.ends()

        await self.begin()

        await until(lambda: self.ended() == [("a", "a")], "done by the other")

    async def test_what_a_killed_process_was_at_is_begun_again_at_once(self) -> None:
        rig = await self.rig(starts=False)
        child = self.child()
        await self.schedule(rig, "a")
        await until(lambda: "at a" in child.log(), "at work")
        os.kill(child.pid, signal.SIGKILL)

        await self.begin()

        # Its lease would have been for three minutes, which is longer than any test waits.
        await until(lambda: self.ended() == [("a", "a")], "done by the next one")

    async def test_what_a_stopped_process_is_at_is_left_to_it(self) -> None:
        self.swap(jobs, "LOOK_MS", 10)
        self.swap(jobs, "POLL_MS", 20)
        rig = await self.rig(starts=False)
        child = self.child()
        await self.schedule(rig, "a")
        await until(lambda: "at a" in child.log(), "at work")
        os.kill(child.pid, signal.SIGSTOP)

        _, handler = await self.begin()
        await self.schedule(rig, "b")
        await until(lambda: self.ended() == [("b", "b")], "the other one")
        looks = 0

        def look() -> bool:
            nonlocal looks
            looks += 1
            return looks > 20

        await until(look, "looked at often")
        assert handler.attempts == ["b"]

    async def test_what_ended_processes_again_and_again_rests_first(self) -> None:
        rig = await self.rig(starts=False)
        await self.schedule(rig, "a")
        for _ in range(store.FREED_ATTEMPTS_MAX + 1):
            await rig.database.run("test", store.free, ["say"], now_ms())
            gone = Presence().number
            leased, _next = await rig.database.run(
                "test", store.lease, ["say"], [], now_ms(), 1, gone
            )
            assert len(leased) == 1

        await rig.database.run("test", store.free, ["say"], now_ms())

        leased, _next = await rig.database.run("test", store.lease, ["say"], [], now_ms(), 1)
        assert leased == []
        rested_ms = now_ms() + store.FREED_REST_MS
        leased, _next = await rig.database.run("test", store.lease, ["say"], [], rested_ms, 1)
        assert len(leased) == 1

    async def test_a_failure_waits_its_delay_also_where_its_process_is_gone(self) -> None:
        rig = await self.rig(starts=False)
        await self.schedule(rig, "a")
        [leased], _ = await rig.database.run(
            "test", store.lease, ["say"], [], now_ms(), 1, Presence().number
        )
        await rig.database.run("test", store.delay, leased, now_ms() + 600_000)

        await rig.database.run("test", store.free, ["say"], now_ms())

        again, _ = await rig.database.run("test", store.lease, ["say"], [], now_ms(), 1)
        assert again == []

    def child(self) -> Child:
        """Another process, which does jobs and ends none."""
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        command = [sys.executable, "-m", "tests.integration.veche.job_child", self.dsn]
        child = Child(command, ROOT, folder / "log")
        child.start()
        self.addCleanup(child.kill)
        return child

    async def test_a_payload_has_a_bound(self) -> None:
        rig, _ = await self.begin()
        fits = PAYLOAD_BYTES_MAX - len('{"say": ""}')

        def work(txn: Cursor) -> None:
            at_ms = now_ms() + 60_000
            schedule(txn, Job(EffectId("fits"), "say", {"say": "x" * fits}, at_ms))
            beyond = Job(EffectId("beyond"), "say", {"say": "x" * (fits + 1)}, at_ms)
            with pytest.raises(ValueError, match="bytes"):
                schedule(txn, beyond)

        await rig.database.run("test", work)

        assert self.left() == ["fits"]


def done_count() -> float:
    """How many attempts at jobs have ended well, whether or not they were still wanted."""
    labels = {"kind": "say", "end": "done"}
    return metrics.REGISTRY.get_sample_value("veche_errands_total", labels) or 0.0


def rig_end(tasks: Tasks, listener: Listener) -> Any:
    async def end() -> None:
        await listener.stop()
        await tasks.stop()

    return Deferred.fromCoroutine(end())
