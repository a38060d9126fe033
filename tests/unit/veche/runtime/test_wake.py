"""A bell that rings while nobody listens is heard by the next one who does."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from veche.runtime.wake import Bell


class BellTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.bell = Bell(self.clock)

    def wait(self, delay_ms: int) -> Deferred[None]:
        return Deferred.fromCoroutine(self.bell.wait(delay_ms))

    def test_a_ring_ends_the_sleep(self) -> None:
        sleeping = self.wait(1_000)
        self.assertNoResult(sleeping)

        self.bell.ring()

        self.successResultOf(sleeping)
        assert self.clock.getDelayedCalls() == []

    def test_time_ends_the_sleep(self) -> None:
        sleeping = self.wait(1_000)
        self.clock.advance(0.999)
        self.assertNoResult(sleeping)

        self.clock.advance(0.001)

        self.successResultOf(sleeping)

    def test_a_ring_before_the_sleep_is_not_missed(self) -> None:
        self.bell.ring()

        self.successResultOf(self.wait(1_000))
        self.assertNoResult(self.wait(1_000))

    def test_many_rings_are_one(self) -> None:
        for _ in range(3):
            self.bell.ring()
        self.successResultOf(self.wait(1_000))

        self.assertNoResult(self.wait(1_000))

    def test_no_delay_is_no_sleep(self) -> None:
        self.successResultOf(self.wait(0))
        self.successResultOf(self.wait(-5))

    def test_a_cancelled_sleep_leaves_nothing_behind(self) -> None:
        sleeping = self.wait(1_000)

        sleeping.cancel()

        self.failureResultOf(sleeping, CancelledError)
        assert self.clock.getDelayedCalls() == []
        self.bell.ring()
        self.successResultOf(self.wait(1_000))
