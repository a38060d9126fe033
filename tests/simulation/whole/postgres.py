"""A real PostgreSQL for a world in which one thread does everything.

Each transaction runs whole, between two moments of the made-up clock. So no two meet in the server,
its answers follow from what was asked before, and a seed makes the same world again: statistics are
not gathered behind its back, and what it notifies is taken from the session that committed.

Sessions are lost before a transaction, or after its commit; and a process can be killed in both.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import attrs
import psycopg2
from twisted.internet.defer import Deferred

from appservices.payments.ledger.service.sessions import PostgresSessions
from veche.protocol.errors import UnavailableError
from veche.runtime.database import CommitUnknownError, Database, connect
from veche.runtime.database.exclusive import DedicatedSession, SessionLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from tests.simulation.whole.computer import Computer
    from veche.runtime.database.cursor import Connection, Cursor

P = ParamSpec("P")
R = TypeVar("R")

TAKES_S: Final = (0.0003, 0.003)
SLOW_S: Final = (0.1, 6.0)
WITHOUT_CHANCE: Final = {
    # The order of rows follows from the plan, and the plan from statistics.
    "enable_parallel_append": "off",
    "max_parallel_workers_per_gather": 0,
    "synchronous_commit": "off",
}


@attrs.define
class Faults:
    """Chances, from 0 to 1, for each transaction."""

    lost_before: float = 0.0
    lost_after: float = 0.0
    killed_before: float = 0.0
    killed_after: float = 0.0
    slow: float = 0.0


@attrs.define(eq=False)
class Server:
    """One database of the server, and who is connected with it.

    Attributes:
        say: Notes what happens.
        kill: Kills a process.
        faults: How bad it is now.
        channels: That anybody listens to.
        is_over: It answers nobody any more, not even the dead.
        untold: How to tell those who died while they waited.
    """

    dsn: str
    chance: Random
    say: Callable[[str], None]
    kill: Callable[[Computer], None]
    faults: Faults = attrs.field(factory=Faults)
    channels: set[str] = attrs.field(factory=set)
    is_over: bool = False
    untold: list[Callable[[Exception], None]] = attrs.field(factory=list)
    _sessions: dict[Computer, list[Connection]] = attrs.field(factory=dict)
    _listeners: list[WorldListener] = attrs.field(factory=list)
    _watching: Connection | None = None

    def connect(self, computer: Computer, **settings: Any) -> Connection:
        """A session, which is told of what it notifies itself."""
        connection = connect(self.dsn, **{**WITHOUT_CHANCE, **settings})
        connection.autocommit = True
        with connection.cursor() as txn:
            for channel in sorted(self.channels):
                txn.execute(f'LISTEN "{channel}"')
        self._sessions.setdefault(computer, []).append(connection)
        return connection

    def use(self, computer: Computer, name: str, work: Callable[[], R]) -> R:
        """Do something with sessions of a process, with luck.

        Raises:
            _KilledError: The process is dead.
            SessionLostError: Before, or after it was committed.
        """
        if self.is_over:
            raise _LostError(is_done=False)
        if computer.is_cut:
            raise _KilledError
        fate, faults = self.chance.random(), self.faults
        if (fate := fate - faults.killed_before) < 0:
            self.kill(computer)
            raise _KilledError
        if (fate := fate - faults.lost_before) < 0:
            raise _LostError(is_done=False)
        try:
            done = work()
            self.say(f"{computer.name} {name}")
        finally:
            self._tell(computer)
        if (fate := fate - faults.killed_after) < 0:
            self.kill(computer)
            raise _KilledError
        if fate - faults.lost_after < 0:
            raise _LostError(is_done=True)
        return done

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Look at what is kept, from outside of the world."""
        if self._watching is None:
            self._watching = connect(self.dsn)
            self._watching.autocommit = True
        with self._watching.cursor() as txn:
            txn.execute(statement, values)
            return txn.fetchall()

    def do(self, transaction: Callable[..., object], *args: object) -> None:
        """Do something as an operator does by a command, from outside of the world.

        It is not notified of: whoever listens finds it when they look.
        """
        with contextlib.closing(connect(self.dsn)) as connection, connection:
            transaction(connection.cursor(), *args)

    def give_up(self) -> None:
        """Answer nobody any more; those who died while they waited are told so."""
        self.is_over = True
        for tell in self.untold:
            tell(SessionLostError("the world is over", retry_after_ms=500))

    def leave(self) -> None:
        """End all sessions."""
        for computer in list(self._sessions):
            self.end(computer)
        if self._watching is not None:
            self._watching.close()

    def takes_s(self) -> float:
        """How long something takes."""
        is_slow = self.chance.random() < self.faults.slow
        return self.chance.uniform(*(SLOW_S if is_slow else TAKES_S))

    def listen(self, listener: WorldListener) -> None:
        """Tell somebody of notifications."""
        self._listeners.append(listener)

    def end(self, computer: Computer) -> None:
        """A process is dead: its sessions are over, and its locks free."""
        self._listeners = [one for one in self._listeners if one.computer is not computer]
        for connection in self._sessions.pop(computer, []):
            self.close(connection)

    def close(self, connection: Connection) -> None:
        """End a session; its locks are free when this returns, and not some time later."""
        with contextlib.suppress(psycopg2.Error), connection.cursor() as txn:
            txn.execute("SELECT pg_advisory_unlock_all()")
        with contextlib.suppress(psycopg2.Error):
            connection.close()

    def _tell(self, computer: Computer) -> None:
        told: list[tuple[str, str]] = []
        for connection in self._sessions.get(computer, []):
            notifies, connection.notifies = connection.notifies, []
            if not connection.closed:
                own = connection.info.backend_pid
                told += [(one.channel, one.payload) for one in notifies if one.pid == own]
        for channel, payload in told:
            for one in self._listeners:
                one.tell(channel, payload)


class _KilledError(BaseException):
    """Nothing of the process goes on."""


class _LostError(Exception):
    """A session was lost."""

    def __init__(self, *, is_done: bool) -> None:
        super().__init__("lost")
        self.is_done = is_done


class WorldDatabase(Database):
    """As ``Database``, in the one thread."""

    def __init__(self, server: Server, computer: Computer) -> None:
        super().__init__(server.dsn, computer, threads=0)  # type: ignore[arg-type]  # as a reactor
        self._server = server
        self._computer = computer
        self._connection: Connection | None = None

    async def run(
        self,
        name: str,
        transaction: Callable[Concatenate[Cursor, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """As ``Database.run``."""
        if self._is_closed.is_set():
            raise UnavailableError("the database is closed", retry_after_ms=1_000)
        result: Deferred[R] = Deferred(lambda _: None)

        def job() -> None:
            try:
                done = self._server.use(
                    self._computer, name, lambda: self._do(transaction, *args, **kwargs)
                )
            except _KilledError:
                self._server.untold.append(lambda e: _fail(result, e))
            except _LostError as e:
                error = CommitUnknownError if e.is_done else UnavailableError
                _fail(result, error("the session was lost", retry_after_ms=500))
            except Exception as e:  # noqa: BLE001 -- the thread's edge: told to the caller
                _fail(result, e)
            else:
                if not result.called:
                    result.callback(done)

        self._computer.callLater(self._server.takes_s(), job)
        return await result

    def close(self) -> None:
        """As ``Database.close``."""
        self._is_closed.set()

    def _do(self, transaction: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        if self._connection is None:
            self._connection = self._server.connect(self._computer)
        txn = self._connection.cursor()
        txn.begin()
        try:
            done = transaction(txn, *args, **kwargs)
            txn.commit()
        except BaseException:
            txn.roll_back()
            raise
        return done


class WorldLane(DedicatedSession):
    """As ``DedicatedSession``, in the one thread."""

    def __init__(self, name: str, server: Server, computer: Computer) -> None:
        self._reactor = computer
        self._name = name
        self._dsn = server.dsn
        self._server = server
        self._computer = computer
        self._connection: Connection | None = None
        self._free_at_s = 0.0

    async def close(self) -> None:
        """As ``DedicatedSession.close``."""
        self.drop()

    def end(self) -> None:
        """As ``DedicatedSession.end``."""
        self.drop()

    async def _do(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        result: Deferred[R] = Deferred(lambda _: None)

        def job() -> None:
            try:
                done = self._server.use(self._computer, self._name, lambda: work(*args, **kwargs))
            except _KilledError:
                self._server.untold.append(lambda e: _fail(result, e))
            except _LostError:
                self.drop()
                _fail(result, SessionLostError("the session broke", retry_after_ms=500))
            except Exception as e:  # noqa: BLE001 -- the thread's edge: told to the caller
                _fail(result, e)
            else:
                if not result.called:
                    result.callback(done)

        now_s = self._computer.true_s()
        self._free_at_s = max(self._free_at_s, now_s) + self._server.takes_s()
        self._computer.callLater(self._free_at_s - now_s, job)
        return await result

    def _open(self, settings: dict[str, str | int]) -> None:
        self.drop()
        self._connection = self._server.connect(self._computer, **settings)

    def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._server.close(connection)


class WorldSessions(PostgresSessions):
    """As ``PostgresSessions``, in the one thread."""

    def __init__(self, server: Server, computer: Computer) -> None:
        self._shard = 0
        self._server = server
        self.reads = WorldLane("ledger-reads", server, computer)
        self.writes = WorldLane("ledger-writes", server, computer)

    def try_lock(self, connection: Connection, stall_ms: int) -> bool:
        """As the port; who is stopped for so long is ended by the world, since its clock counts."""
        from appservices.payments.ledger.store import shards  # noqa: PLC0415 -- beside its only use

        del stall_ms
        with connection.cursor() as txn:
            return shards.try_lock(txn, shards.LOCK, self._shard)

    def hurry(self) -> None:
        """As the port: nothing, there are no threads."""


class WorldListener:
    """As ``Listener``: hints, which are late, or lost."""

    lost = 0.0

    def __init__(
        self,
        server: Server,
        computer: Computer,
        channels: Mapping[str, Callable[[str], None]],
        begin: Callable[[Cursor], None],
    ) -> None:
        self.computer = computer
        self._server = server
        self._channels = dict(channels)
        self._begin = begin
        self._is_stopped = False
        server.channels |= channels.keys()

    def start(self) -> None:
        """As ``Listener.start``."""
        with self._server.connect(self.computer).cursor() as txn:
            self._begin(txn)
        self._server.listen(self)
        for channel in self._channels:
            self.tell(channel, "")

    async def stop(self) -> None:
        """As ``Listener.stop``."""
        self._is_stopped = True

    def tell(self, channel: str, payload: str) -> None:
        """Somebody notified."""
        if channel in self._channels:
            takes_s = self._server.chance.uniform(0.0001, 0.002)
            self.computer.callLater(takes_s, self._call, channel, payload)

    def _call(self, channel: str, payload: str) -> None:
        if not self._is_stopped:
            self._channels[channel](payload)


def _fail(result: Deferred[Any], error: Exception) -> None:
    if not result.called:
        result.errback(error)
