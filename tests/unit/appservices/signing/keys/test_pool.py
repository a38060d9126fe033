"""The threads of keys: the reactor goes on, what waits is bounded."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import TestCase

from appservices.signing.keys.pool import THREADS, SigningPool
from veche.protocol.errors import UnavailableError

reactor: Any = default_reactor


class PoolTests(TestCase):
    def setUp(self) -> None:
        self.pool = SigningPool(reactor, waiting_max=3)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.pool.close()))
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

    def start(self, work: Any, *args: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.pool.run(work, *args))

    async def test_work_is_done_in_another_thread(self) -> None:
        ours = threading.get_ident()

        assert await self.pool.run(threading.get_ident) != ours
        assert await self.pool.run(lambda one, two: one + two, 1, two=2) == 3

    async def test_an_error_comes_back(self) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            await self.pool.run(int, "x")

    async def test_a_key_that_does_not_answer_holds_nobody_but_who_asks_it(self) -> None:
        waiting = [self.start(self.gate.wait) for _ in range(THREADS)]
        turn: Deferred[None] = Deferred()

        reactor.callLater(0, turn.callback, None)

        await turn
        assert not any(one.called for one in waiting)
        self.gate.set()
        await gatherResults(waiting)

    async def test_too_much_is_refused_and_may_come_again(self) -> None:
        waiting = [self.start(self.gate.wait) for _ in range(3)]

        with pytest.raises(UnavailableError, match="Too many signatures"):
            await self.pool.run(int)
        self.gate.set()
        await gatherResults(waiting)
        assert await self.pool.run(int) == 0

    async def test_who_goes_away_frees_no_place_while_the_key_is_busy(self) -> None:
        waiting = [self.start(self.gate.wait) for _ in range(3)]
        for one in waiting:
            one.addErrback(lambda failure: failure.trap(CancelledError))
            one.cancel()

        with pytest.raises(UnavailableError):
            await self.pool.run(int)
        self.gate.set()
        while True:
            try:
                assert await self.pool.run(int) == 0
                break
            except UnavailableError:
                turn: Deferred[None] = Deferred()
                reactor.callLater(0.01, turn.callback, None)
                await turn
