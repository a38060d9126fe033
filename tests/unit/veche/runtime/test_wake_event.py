"""A wake that rings while nobody listens is heard by the next one who does."""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from veche.protocol.errors import UnavailableError
from veche.runtime.wake_event import WakeEvent


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wake(clock: Clock) -> WakeEvent:
    return WakeEvent(clock)


def wait(wake: WakeEvent, delay_ms: int) -> Deferred[None]:
    return Deferred.fromCoroutine(wake.wait(delay_ms))


def test_a_ring_ends_the_sleep(wake: WakeEvent, clock: Clock) -> None:
    sleeping = wait(wake, 1_000)
    was_called = sleeping.called

    wake.set()

    assert (was_called, sleeping.called) == (False, True)
    assert clock.getDelayedCalls() == []


def test_time_ends_the_sleep(wake: WakeEvent, clock: Clock) -> None:
    sleeping = wait(wake, 1_000)

    called = []
    for step_s in (0.999, 0.001):
        clock.advance(step_s)
        called.append(sleeping.called)

    assert called == [False, True]


def test_a_ring_before_the_sleep_is_not_missed(wake: WakeEvent) -> None:
    wake.set()

    assert wait(wake, 1_000).called
    assert not wait(wake, 1_000).called


def test_many_rings_are_one(wake: WakeEvent) -> None:
    for _ in range(3):
        wake.set()
    assert wait(wake, 1_000).called

    assert not wait(wake, 1_000).called


@pytest.mark.parametrize("delay_ms", [0, -5])
def test_no_delay_is_no_sleep(wake: WakeEvent, delay_ms: int) -> None:
    assert wait(wake, delay_ms).called


def test_a_cancelled_sleep_leaves_nothing_behind(wake: WakeEvent, clock: Clock) -> None:
    sleeping = wait(wake, 1_000)
    failures: list[object] = []
    sleeping.addErrback(lambda failure: failures.append(failure.check(CancelledError)))

    sleeping.cancel()

    assert failures == [CancelledError]
    assert clock.getDelayedCalls() == []
    wake.set()
    assert wait(wake, 1_000).called


def test_work_is_repeated_whatever_it_raises_until_it_is_cancelled(
    wake: WakeEvent, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[float] = []
    ends: list[int | Exception | None] = [
        *(None, 300, UnavailableError("not now", retry_after_ms=200)),
        *(UnavailableError("not now", retry_after_ms=9_000), RuntimeError("a bug"), None),
    ]

    async def work() -> int | None:
        done.append(round(clock.seconds(), 1))
        end = ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    running = Deferred.fromCoroutine(wake.repeat(work, 1_000, "it failed", first_ms=500))
    for _ in range(60):
        clock.advance(0.1)
        if not ends:
            break
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    running.cancel()

    assert done == [0.5, 1.5, 1.8, 2.0, 3.0, 4.0]
    assert errors == ["it failed"]
    assert clock.getDelayedCalls() == []
    running.addErrback(lambda failure: failure.trap(CancelledError))
