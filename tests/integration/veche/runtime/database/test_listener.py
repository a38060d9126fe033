from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.support.postgres import database, execute
from tests.support.processes import TIMEOUT_S
from veche.runtime.database.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable

reactor: Any = default_reactor

pytestmark = pytest.mark.postgres


class ListenerTests(TestCase):
    timeout = TIMEOUT_S

    def setUp(self) -> None:
        holder = database()
        self.dsn = holder.__enter__()
        self.addCleanup(holder.__exit__, None, None, None)
        self.heard: list[tuple[str, str]] = []
        self.listener = self.started()

    def started(self, **more: Callable[[str], None]) -> Listener:
        def hear(channel: str) -> Callable[[str], None]:
            return lambda payload: self.heard.append((channel, payload))

        channels = {"veche_a": hear("veche_a"), 'odd "name"': hear("odd"), **more}
        listener = Listener(self.dsn, reactor, channels)
        listener.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(listener.stop()))
        return listener

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(reactor, 0.01)

    async def connected(self) -> None:
        await self.until(lambda: len(self.heard) >= 2)
        self.heard.clear()

    async def test_each_callback_is_called_once_it_listens(self) -> None:
        await self.until(lambda: len(self.heard) >= 2)
        assert sorted(self.heard) == [("odd", ""), ("veche_a", "")]

    async def test_payloads_come_to_the_callback_of_their_channel_in_order(self) -> None:
        await self.connected()
        execute(self.dsn, "SELECT pg_notify('veche_a', i::text) FROM generate_series(1, 3) i")
        execute(self.dsn, "SELECT pg_notify('odd \"name\"', 'x'), pg_notify('other', 'y')")
        await self.until(lambda: len(self.heard) >= 4)
        assert self.heard == [("veche_a", "1"), ("veche_a", "2"), ("veche_a", "3"), ("odd", "x")]

    async def test_it_connects_again_and_says_that_something_may_be_lost(self) -> None:
        await self.connected()
        self.end_sessions()
        await self.connected()
        execute(self.dsn, "NOTIFY veche_a, 'again'")
        await self.until(lambda: bool(self.heard))
        assert self.heard == [("veche_a", "again")]

    async def test_a_callback_that_fails_is_logged_and_the_others_go_on(self) -> None:
        def fail(_payload: str) -> None:
            raise ValueError("broken")

        with self.assertLogs("veche.runtime.database.listener", "ERROR") as logs:
            self.started(fails=fail)
            await self.until(lambda: len(self.heard) >= 4)
            self.heard.clear()
            execute(self.dsn, "NOTIFY fails; NOTIFY veche_a, 'still'")
            await self.until(lambda: len(self.heard) >= 2)
        assert "ValueError: broken" in logs.output[0]

    async def test_nothing_comes_after_it_was_stopped(self) -> None:
        await self.connected()
        await self.listener.stop()
        execute(self.dsn, "NOTIFY veche_a")
        await deferLater(reactor, 0.1)
        assert self.heard == []
        await self.until(lambda: self.sessions() == 0)  # the server notices a little later

    async def test_it_can_be_stopped_while_it_connects(self) -> None:
        await self.listener.stop()
        await deferLater(reactor, 0.2)
        assert self.heard == []
        await self.until(lambda: self.sessions() == 0)

    async def test_it_keeps_trying_while_nobody_is_there(self) -> None:
        lost = Listener("host=/nowhere dbname=none", reactor, {"a": lambda _: None})
        with self.assertLogs("veche.runtime.database.listener", "WARNING") as logs:
            lost.start()
            await self.until(lambda: len(logs.output) >= 2)
            await lost.stop()

    def end_sessions(self) -> None:
        execute(
            self.dsn,
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    def sessions(self) -> object:
        return execute(
            self.dsn,
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )[0][0]
