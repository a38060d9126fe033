"""News across processes: one announces, all who watch learn of it, whatever breaks between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S
from veche.runtime.database import Database
from veche.runtime.database.listener import Listener
from veche.runtime.live import CHANNEL, TOPIC_BYTES_MAX, Live, announce

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.runtime.database import Cursor

reactor: Any = default_reactor
pytestmark = pytest.mark.postgres


async def news(live: Live, topic: str) -> bool:
    """Wait for what is announced of a topic from now on."""
    with live.watching([topic]) as watch:
        return await watch.changed()


class Process:
    """The part of a process that hears."""

    def __init__(self, dsn: str) -> None:
        self.live = Live(reactor)
        self.heard: list[str] = []
        self.listener = Listener(dsn, reactor, {CHANNEL: self.hear})
        self.listener.start()

    def hear(self, topic: str) -> None:
        self.heard.append(topic)
        self.live.heard(topic)


class LiveTests(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        scope = database()
        self.dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        self.database = Database(self.dsn, reactor)
        self.addCleanup(self.database.close)

    async def process(self) -> Process:
        """One that listens."""
        one = Process(self.dsn)
        self.addCleanup(lambda: Deferred.fromCoroutine(one.listener.stop()))
        await self.until(lambda: one.heard == [""])
        return one

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(reactor, 0.01)

    async def test_who_watches_in_any_process_is_woken_by_a_commit(self) -> None:
        here, there = await self.process(), await self.process()
        waiting = [Deferred.fromCoroutine(news(one.live, "case 1")) for one in (here, there)]
        other = Deferred.fromCoroutine(news(here.live, "case 2"))

        await self.database.run("test", announce, "case 1")

        assert [await one for one in waiting] == [True, True]
        assert not other.called
        await self.database.run("test", announce, "case 2")
        assert await other

    async def test_what_is_rolled_back_is_not_news(self) -> None:
        one = await self.process()

        def fail(txn: Cursor) -> None:
            announce(txn, "never")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await self.database.run("test", fail)
        await self.database.run("test", announce, "after")

        await self.until(lambda: "after" in one.heard)
        assert one.heard == ["", "after"]

    async def test_news_is_told_when_it_is_true_and_not_before(self) -> None:
        one = await self.process()
        execute(self.dsn, "CREATE TABLE state (value text)")
        seen: list[Any] = []

        class Look(Live):
            """Looks at the state in the moment at which it is told."""

            def heard(look, topic: str) -> None:  # noqa: N805 -- the test is self
                seen.append((topic, execute(self.dsn, "SELECT value FROM state")))

        one.live = Look(reactor)

        def change(txn: Cursor) -> None:
            announce(txn, "state")
            txn.execute("INSERT INTO state VALUES ('new')")

        await self.database.run("test", change)

        await self.until(lambda: bool(seen))
        assert seen == [("state", [("new",)])]

    async def test_who_waits_while_the_connection_breaks_looks_again(self) -> None:
        one = await self.process()
        with one.live.watching(["case 1"]) as watch:
            waiting = Deferred.fromCoroutine(watch.changed(25_000))
            execute(
                self.dsn,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%%'",
            )
            # Nobody tells of this one: it comes while nobody listens, or after.
            await self.database.run("test", announce, "case 1")

            assert await waiting is True

        await self.until(lambda: one.heard.count("") == 2)
        again = Deferred.fromCoroutine(news(one.live, "case 1"))
        await self.database.run("test", announce, "case 1")
        assert await again is True

    async def test_the_longest_topic_arrives(self) -> None:
        one = await self.process()
        topic = "ж" * (TOPIC_BYTES_MAX // 2)
        await self.database.run("test", announce, topic)
        await self.until(lambda: len(one.heard) == 2)
        assert one.heard[1] == topic
