"""Waking loops: a bell inside the process, notifications of PostgreSQL between processes.

A notification is a hint as everything else: each loop also looks by itself, seldom.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final, Protocol

import psycopg2
from psycopg2 import sql
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from veche.runtime.database import Connection, connect
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.python.failure import Failure
    from twisted.python.threadpool import ThreadPool

logger = logging.getLogger(__name__)

RECONNECT_S_MAX: Final = 10.0


class Bell:
    """What one loop sleeps on. A ring while the loop works is kept, so that none is missed."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._reactor = reactor
        self._sleeper: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None
        self._is_rung = False

    def ring(self) -> None:
        """End the sleep, or the next one."""
        self._is_rung = True
        sleeper, self._sleeper = self._sleeper, None
        if sleeper is not None:
            sleeper.callback(None)

    async def wait(self, delay_ms: int) -> None:
        """Sleep until it rings, at most ``delay_ms``."""
        if not self._is_rung and delay_ms > 0:
            sleeper = self._sleeper = Deferred(self._forget)
            alarm = self._reactor.callLater(delay_ms / 1000, self._time_up, sleeper)
            try:
                await sleeper
            finally:
                if alarm.active():
                    alarm.cancel()
        self._is_rung = False

    def _time_up(self, sleeper: Deferred[None]) -> None:
        if self._sleeper is sleeper:
            self._sleeper = None
            sleeper.callback(None)

    def _forget(self, _sleeper: Deferred[None]) -> None:
        self._sleeper = None


class ListeningReactor(Protocol):
    """The parts of a reactor that a ``Listener`` uses."""

    def addReader(self, reader: IReadDescriptor) -> None:  # noqa: N802 -- Twisted's name
        """Watch a file descriptor."""

    def removeReader(self, reader: IReadDescriptor) -> None:  # noqa: N802 -- Twisted's name
        """Watch it no longer."""

    def getThreadPool(self) -> ThreadPool:  # noqa: N802 -- Twisted's name
        """Where blocking calls run."""

    def callFromThread(self, work: Callable[..., object], *args: object) -> None:  # noqa: N802
        """Run in the reactor."""


@implementer(IReadDescriptor)
class Listener:
    """One connection that listens for notifications and hands them on in the reactor."""

    def __init__(self, dsn: str, reactor: ListeningReactor, clock: IReactorTime) -> None:
        """Make it; ``start`` connects.

        Args:
            dsn: Of the database; a direct connection, since a pooler drops LISTEN.
            reactor: Watches the connection.
            clock: The same reactor, as a clock.
        """
        self._dsn = dsn
        self._reactor = reactor
        self._clock = clock
        self._tasks = Tasks(running_max=1)
        self._callbacks: dict[str, Callable[[str], None]] = {}
        self._connection: Connection | None = None
        self._is_stopped = False

    def on(self, channel: str, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with each payload of ``channel``; with "" when some may be lost.

        All callbacks are set before ``start``.
        """
        self._callbacks[channel] = callback

    async def start(self) -> None:
        """Connect; when the connection breaks it is made again until ``stop``."""
        await self._connect()

    async def stop(self) -> None:
        """Close the connection."""
        self._is_stopped = True
        await self._tasks.stop()
        self._drop()

    async def _connect(self) -> None:
        delay_s = 0.1
        while not self._is_stopped:
            try:
                connection = await deferToThreadPool(
                    self._reactor, self._reactor.getThreadPool(), self._listen
                )
            except psycopg2.Error as e:
                logger.warning("cannot listen for notifications: %s", type(e).__name__)
                await deferLater(self._clock, delay_s, lambda: None)
                delay_s = min(RECONNECT_S_MAX, delay_s * 2)
                continue
            if self._is_stopped:
                connection.close()
                return
            self._connection = connection
            self._reactor.addReader(self)
            for callback in self._callbacks.values():
                callback("")
            return

    def _listen(self) -> Connection:
        connection = connect(self._dsn, application_name="veche listener")
        try:
            connection.autocommit = True
            with connection.cursor() as txn:
                for channel in self._callbacks:
                    txn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        except psycopg2.Error:
            connection.close()
            raise
        return connection

    def fileno(self) -> int:
        """Of the connection; -1 without one."""
        return -1 if self._connection is None else self._connection.fileno()

    def logPrefix(self) -> str:
        """Name in Twisted's log."""
        return "listener"

    def doRead(self) -> None:
        """Hand on what came; the reactor calls this."""
        connection = self._connection
        if connection is None:
            return
        try:
            connection.poll()
        except psycopg2.Error as e:
            logger.warning("the connection for notifications broke: %s", type(e).__name__)
            self._drop()
            self._tasks.spawn("listen again", self._connect())
            return
        notifies, connection.notifies[:] = list(connection.notifies), []
        for notify in notifies:
            self._callbacks[notify.channel](notify.payload)

    def connectionLost(self, reason: Failure) -> None:
        """Twisted gives the descriptor up."""
        del reason
        self._drop()
        if not self._is_stopped:
            self._tasks.spawn("listen again", self._connect())

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._reactor.removeReader(self)
            with contextlib.suppress(psycopg2.Error):
                connection.close()
