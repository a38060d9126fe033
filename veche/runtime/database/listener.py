"""Being woken by PostgreSQL's NOTIFY."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

import psycopg2
from psycopg2.extensions import quote_ident
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.task import deferLater
from zope.interface import implementer

from veche.runtime.database.transactions import Connection, connect
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twisted.internet.interfaces import IReactorFDSet, IReactorThreads, IReactorTime
    from twisted.python.failure import Failure

    from veche.runtime.database.transactions import Cursor

    class _Reactor(IReactorFDSet, IReactorThreads, IReactorTime):
        """The reactor's methods that the listener needs."""


logger = logging.getLogger(__name__)

RECONNECT_DELAY_S_MAX: Final = 5.0
_RECONNECT_DELAY_S: Final = 0.1


class Listener:
    """Calls back on the reactor for each notification, over a connection of its own.

    A notification is a hint and may be lost: each time the listener has connected, every
    callback is called once with an empty payload, since something may have happened before.
    """

    def __init__(
        self,
        dsn: str,
        reactor: _Reactor,
        channels: Mapping[str, Callable[[str], None]],
        begin: Callable[[Cursor], None] | None = None,
    ) -> None:
        """Nothing happens before ``start``.

        Args:
            dsn: Not through a pooler that hands a session to several clients.
            reactor: Calls the callbacks, and connects in one of its threads.
            channels: What to call with the payload, by channel. It returns soon, and what it
                raises is logged.
            begin: What to do in each session first, in a thread: for what lives as long as it.
        """
        self._dsn = dsn
        self._begin = begin
        self._reactor = reactor
        self._channels = dict(channels)
        self._running: Deferred[None] | None = None
        self._is_stopping = False

    def start(self) -> None:
        """Connect, and again whenever the connection breaks, until ``stop``."""
        self._is_stopping = False
        self._running = Deferred.fromCoroutine(self._run())

    async def stop(self) -> None:
        """Close the connection; no callback comes after it."""
        running, self._running = self._running, None
        self._is_stopping = True
        if running is not None:
            running.cancel()
            await running

    async def _run(self) -> None:
        delay_s = _RECONNECT_DELAY_S
        while not self._is_stopping:
            try:
                connection = await self._connect()
                delay_s = _RECONNECT_DELAY_S
                await self._listen(connection)
            except psycopg2.Error as e:
                logger.warning("listening for notifications: %s", type(e).__name__)
            except CancelledError:
                return
            try:
                await deferLater(self._reactor, delay_s)
            except CancelledError:
                return
            delay_s = min(delay_s * 2, RECONNECT_DELAY_S_MAX)

    async def _connect(self) -> Connection:
        def work() -> Connection:
            connection = connect(self._dsn)
            connection.autocommit = True
            with connection.cursor() as cursor:
                if self._begin is not None:
                    self._begin(cursor)
                for channel in self._channels:
                    cursor.execute(f"LISTEN {quote_ident(channel, cursor)}")
            if self._is_stopping:
                connection.close()
            return connection

        return await in_thread(self._reactor, work)

    async def _listen(self, connection: Connection) -> None:
        reader = _Reader(connection, self._call)
        self._reactor.addReader(reader)
        try:
            for channel in self._channels:
                self._call(channel, "")
            await reader.broken
        finally:
            self._reactor.removeReader(reader)
            reader.close()

    def _call(self, channel: str, payload: str) -> None:
        if self._is_stopping:
            return
        try:
            self._channels[channel](payload)
        except Exception:
            logger.exception("notification on %s", channel)


@implementer(IReadDescriptor)
class _Reader:
    """The connection, as the reactor watches it."""

    def __init__(self, connection: Connection, call: Callable[[str, str], None]) -> None:
        self._connection = connection
        self._call = call
        # A descriptor of ours: libpq closes its own when the connection breaks, and the reactor
        # cannot forget one that is closed.
        self._fileno = os.dup(connection.fileno())
        self.broken: Deferred[None] = Deferred()

    def fileno(self) -> int:
        """Return the file descriptor of its socket, until ``close``."""
        return self._fileno

    def logPrefix(self) -> str:
        """Return its name for the reactor's log."""
        return "postgres notifications"

    def doRead(self) -> None:
        """Take what came."""
        try:
            self._connection.poll()
        except psycopg2.Error as e:
            self._break(e)
            return
        notifies, self._connection.notifies = self._connection.notifies, []
        for notify in notifies:
            self._call(notify.channel, notify.payload)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor will not watch it any more."""
        self._break(psycopg2.OperationalError(str(reason.value)))

    def close(self) -> None:
        """Close the connection; the reactor must have forgotten it."""
        os.close(self._fileno)
        self._connection.close()

    def _break(self, error: Exception) -> None:
        if not self.broken.called:
            self.broken.errback(error)
