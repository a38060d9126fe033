"""Work in threads."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from appservices.signing.keys.pool import SigningPool
from veche.protocol.errors import RefusedError
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

reactor: Any = default_reactor


class File:
    """What somebody sent."""


def refuse(_: File) -> None:
    try:
        int("no number")
    except ValueError as e:
        raise RefusedError("not this file") from e


class ThreadTests(TestCase):
    async def test_what_work_comes_to_is_the_result(self) -> None:
        assert await in_thread(reactor, divmod, 7, 2) == (3, 1)

    async def test_work_that_fails_keeps_nothing_of_what_it_was_given(self) -> None:
        await self.check(lambda file: in_thread(reactor, refuse, file))

    async def test_a_signature_that_fails_keeps_nothing_of_what_it_was_given(self) -> None:
        pool = SigningPool(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(pool.close()))
        await self.check(lambda file: pool.run(refuse, file))

    async def check(self, run: Callable[[File], Coroutine[Any, Any, None]]) -> None:
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        file = File()
        known = weakref.ref(file)

        with pytest.raises(RefusedError, match="not this file") as refused:
            await run(file)

        del file, refused
        assert known() is None
