"""A session with PostgreSQL of one's own, used from one thread: for whoever holds a lock by it.

``Database`` lends any connection to any transaction, and connects again by itself. A
``DedicatedSession`` does neither: its session is the same until it is lost, and it says so. With it
goes what lives in a session, such as an advisory lock. Never through a pooler that hands a
session to several clients.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import psycopg2

from veche.protocol.errors import UnavailableError
from veche.runtime.database.session_threads import SessionThreads
from veche.runtime.database.transactions import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorFromThreads

    from veche.runtime.database.transactions import Connection

P = ParamSpec("P")
R = TypeVar("R")

CLOSE_S_MAX: Final = 30.0
"""How long ``DedicatedSession.close`` waits for a statement that runs."""

_RETRY_AFTER_MS: Final = 1_000
_TROUBLES: Final = ("08", "25006", "40", "53", "55", "57", "58")
"""Codes, or classes of them, that blame the server, its disk or its load, and not what is written:
PostgreSQL, appendix A."""


class SessionLostError(UnavailableError):
    """The session with the database and its locks ended; the transaction may be done or not."""

    errcode = "ORG.VECHE.SESSION_LOST"


def sqlstate(error: BaseException) -> str:
    """The code that PostgreSQL gave to an error, such as ``40P01``; empty if it gave none."""
    return (isinstance(error, psycopg2.Error) and error.pgcode) or ""


def is_trouble(error: BaseException) -> bool:
    """Return whether PostgreSQL may do the same later: what it was given is not to blame."""
    return sqlstate(error).startswith(_TROUBLES)


class DedicatedSession:
    """One session, one thread, one piece of work after another.

    Each statement is a transaction of its own, but between the ``BEGIN`` and ``COMMIT`` of a work.
    """

    def __init__(self, name: str, dsn: str, reactor: IReactorFromThreads) -> None:
        """Nothing is connected before ``open``.

        Args:
            name: Of the thread, and what PostgreSQL's list of sessions calls it.
            dsn: Where to connect.
            reactor: Gets the results.
        """
        self._name = name
        self._dsn = dsn
        self._connection: Connection | None = None
        self._threads = SessionThreads(name, reactor, lambda: self)

    @property
    def connection(self) -> Connection:
        """The session, for those who use it in ``run`` alone.

        Raises:
            SessionLostError: There is none.
        """
        if self._connection is None:
            raise _lost("there is no session with the database")
        return self._connection

    @property
    def is_open(self) -> bool:
        """Return whether there is a session, as far as is known."""
        return self._connection is not None

    async def open(self, **settings: str | int) -> None:
        """Begin a session; one that there was is closed.

        Args:
            **settings: Of the session, beside those of ``connect``.

        Raises:
            SessionLostError: The server does not answer or refuses.
        """
        await self._do(self._open, settings)

    async def run(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do something with the session. It goes on to its end even if nobody awaits it.

        Raises:
            SessionLostError: The session is over. Whether a transaction was committed that was
                about to be is not known.
            Exception: Anything else that the work raises; a transaction it left is rolled back.
        """
        return await self._do(self._run, lambda connection: work(connection, *args, **kwargs))

    async def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do something in the thread, which uses sessions by ``use`` alone.

        So whoever needs two sessions, one after the other, changes threads once.

        Raises:
            Exception: Whatever the work raises.
        """
        return await self._do(work, *args, **kwargs)

    def use(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """As ``run``, but at once, in the thread of another session.

        The caller sees to it that nobody uses this one meanwhile.
        """
        return self._run(lambda connection: work(connection, *args, **kwargs))

    async def close(self) -> None:
        """End the session once what runs has ended: its locks are free then. It may begin anew."""
        await self._do(self._finish)

    def end(self) -> None:
        """End the session and the thread, for good; it blocks until what runs has ended."""
        self._threads.close(CLOSE_S_MAX)

    async def _do(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._threads.do(lambda _: work(*args, **kwargs))

    def _open(self, settings: dict[str, str | int]) -> None:
        self.drop()
        try:
            # It may be idle for as long as there is nothing to do.
            connection = connect(
                self._dsn, application_name=self._name, idle_session_timeout=0, **settings
            )
        except psycopg2.OperationalError as e:
            raise _lost("the database does not answer") from e
        connection.autocommit = True
        self._connection = connection

    def _run(self, work: Callable[[Connection], R]) -> R:
        connection = self.connection
        try:
            return work(connection)
        except BaseException as e:
            if not self._is_clean(connection):
                raise _lost("the session with the database broke") from e
            raise

    def _is_clean(self, connection: Connection) -> bool:
        """Roll back what is open; False if the session is over."""
        try:
            with connection.cursor() as txn:
                txn.execute("ROLLBACK")
        except psycopg2.Error:
            self.drop()
            return False
        return True

    def _finish(self) -> None:
        if self._connection is not None:
            # Else the server frees them some time later, and who begins anew waits for itself.
            with contextlib.suppress(psycopg2.Error), self._connection.cursor() as txn:
                txn.execute("SELECT pg_advisory_unlock_all()")
        self.drop()

    def drop(self) -> None:
        """End the session, in its thread."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg2.Error):
                connection.close()


def _lost(what: str) -> SessionLostError:
    return SessionLostError(what, retry_after_ms=_RETRY_AFTER_MS)
