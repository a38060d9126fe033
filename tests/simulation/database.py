"""A database that is made up: ``MemoryLedger``, the sessions with it, and how they are lost.

The writer of the product runs on these as on PostgreSQL. A session may be lost before a statement
or right after it, so that whoever committed does not know; the lock may be lost unawares, as by a
pooler; answers take their time.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import attrs
import psycopg2
from twisted.internet.defer import Deferred

from appservices.payments.ledger.store.memory_ledger import MemoryLedger
from tests.support.ledger_rules import are_bound, are_held, broken_rules, is_conserved
from veche.runtime.database.exclusive import SessionLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

    from appservices.payments.ledger.core.block import Block
    from appservices.payments.ledger.core.port import Place
    from appservices.payments.ledger.core.values import Known, Names, Row
    from appservices.payments.ledger.store.copies import Sending
    from tests.simulation.processes import Machine

P = ParamSpec("P")
R = TypeVar("R")

RULES_EVERY: Final = 40
"""After how many blocks every rule is asked, those too that go through all that there is."""


class GoneError(Exception):
    """The session was over."""


class DeadlockError(psycopg2.Error):
    """Another transaction was in the way."""

    pgcode = "40P01"


@attrs.define
class Faults:
    """How often what goes wrong, by statement; all of it is zero once there is peace."""

    lost_before: float = 0.0
    lost_after: float = 0.0
    slow: float = 0.0
    refused: float = 0.0
    conflict: float = 0.0


@attrs.define(eq=False)
class Connection:
    """A session as the server sees it."""

    name: str
    at_s: float
    is_alive: bool = True


class Database:
    """What outlives every process.

    Attributes:
        ledger: The shard.
        notes: What riders wrote, by the number of their work.
        expired: Holds that ended by themselves, as they were told.
        holder: The session that has the lock.
        problems: Rules that were broken.
    """

    def __init__(self, chance: Random, say: Callable[[str], None]) -> None:
        self.ledger = MemoryLedger()
        self.faults = Faults()
        self.notes: dict[str, bool] = {}
        self.expired: list[str] = []
        self.holder: Connection | None = None
        self.problems: list[str] = []
        self.blocks: list[Block] = []
        self.chance = chance
        self.say = say
        self._connections: list[Connection] = []

    def connect(self, name: str, now_s: float) -> Connection:
        """A new session."""
        connection = Connection(name, now_s)
        self._connections = [one for one in self._connections if one.is_alive]
        self._connections.append(connection)
        return connection

    def end(self, connection: Connection) -> None:
        """A session is over, and its lock with it."""
        connection.is_alive = False
        if self.holder is connection:
            self.holder = None

    def restart(self) -> None:
        """All sessions are over."""
        for one in self._connections:
            self.end(one)

    def lose_lock(self) -> None:
        """Whoever has the lock does not have it any more, and is not told."""
        self.holder = None

    def try_lock(self, connection: Connection, stall_ms: int) -> bool:
        """As PostgreSQL's lock, and the end of a holder that does nothing."""
        holder = self.holder
        if holder is not None and holder is not connection:
            if connection.at_s - holder.at_s <= stall_ms / 1000:
                return False
            self.say(f"{holder.name} is ended by {connection.name}")
            self.end(holder)
        self.holder = connection
        return True

    def keep(self, block: Block, riders: Callable[[Any], None] | None) -> None:
        """Commit a block and what its riders write; the rules hold afterwards."""
        txn = Txn(self)
        self.ledger.commit(block, None if riders is None else lambda _: riders(txn))
        txn.install()
        self.blocks.append(block)
        self.say(f"block {block.content.seq} {block.head.hex()[:16]}")
        if len(self.blocks) % RULES_EVERY == 0:
            self.check()
        accounts, holds = self.ledger.accounts, self.ledger.open_holds.values()
        if not (is_conserved(accounts) and are_bound(accounts) and are_held(accounts, holds)):
            self.problems.append(f"block {block.content.seq} breaks a rule")

    def check(self) -> None:
        """Ask every rule of the ledger."""
        self.problems += broken_rules(self.ledger, self.blocks)


class Txn:
    """What riders write, until the transaction commits."""

    def __init__(self, kept: Database) -> None:
        self._kept = kept
        self._notes: dict[str, bool] = {}
        self._expired: list[str] = []
        self._settles: dict[str, Callable[[bool], None]] = {}

    def note(
        self, number: str, *, is_done: bool, settle: Callable[[bool], None] | None = None
    ) -> bool:
        """Write down how a work ended; False if that is written down already."""
        if self._kept.chance.random() < self._kept.faults.conflict:
            raise DeadlockError
        if number in self._kept.notes:
            return False
        # Asked twice in one block: what the first one wrote is not true yet.
        if self._notes.setdefault(number, is_done) is not is_done:
            self._kept.problems.append(f"{number} ends in two ways")
        if settle is not None:
            self._settles[number] = settle
        return True

    def expire(self, rows: Sequence[Row]) -> None:
        """Write down which holds ended by themselves."""
        self._expired += [row.pending_id or "" for row in rows]

    def mark(self) -> tuple[Any, ...]:
        """What was written so far, for ``back_to``."""
        return dict(self._notes), list(self._expired), dict(self._settles)

    def back_to(self, mark: tuple[Any, ...]) -> None:
        """Forget what was written since."""
        self._notes, self._expired, self._settles = mark

    def install(self) -> None:
        """It is committed."""
        self._kept.notes.update(self._notes)
        self._kept.expired += self._expired
        for number, settle in self._settles.items():
            settle(self._notes[number])


class SimulatedSession:
    """As ``DedicatedSession``: one piece of work after another, each takes a while."""

    def __init__(self, name: str, machine: Machine, database: Database) -> None:
        self._name = name
        self._machine = machine
        self._database = database
        self._free_at_s = 0.0
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The present session."""
        if self._connection is None:
            raise _lost()
        return self._connection

    async def open(self) -> None:
        """As the port."""
        await self._do(self._open)

    async def run(
        self, work: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """As the port."""
        return await self._do(lambda: self.use(work, *args, **kwargs))

    async def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As the port."""
        return await self._do(lambda: work(*args, **kwargs))

    def use(self, work: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As the port."""
        connection, database = self.connection, self._database
        try:
            self._strike(connection, database.faults.lost_before)
            connection.at_s = self._machine.true_s()
            result = work(connection, *args, **kwargs)
            self._strike(connection, database.faults.lost_after)
        except BaseException as e:
            if not connection.is_alive:
                self._drop()
                raise _lost() from e
            raise
        return result

    async def close(self) -> None:
        """As the port."""
        await self._do(self._drop)

    def end(self) -> None:
        """As the port."""
        self._drop()

    def _open(self) -> None:
        self._drop()
        if self._database.chance.random() < self._database.faults.refused:
            raise _lost()
        self._connection = self._database.connect(self._name, self._machine.true_s())

    def _strike(self, connection: Connection, probability: float) -> None:
        if connection.is_alive and self._database.chance.random() < probability:
            self._database.say(f"{connection.name} is lost")
            self._database.end(connection)
        if not connection.is_alive:
            raise GoneError

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._database.end(connection)

    async def _do(self, work: Callable[[], R]) -> R:
        result: Deferred[R] = Deferred(lambda _: None)
        chance, now_s = self._database.chance, self._machine.true_s()
        takes_s = chance.uniform(0.0002, 0.004)
        if chance.random() < self._database.faults.slow:
            takes_s = chance.uniform(0.1, 8.0)
        self._free_at_s = max(self._free_at_s, now_s) + takes_s
        self._machine.callLater(self._free_at_s - now_s, _finish, result, work)
        return await result


class SimulatedLedger:
    """The shard through two sessions: as ``PostgresLedger``."""

    def __init__(self, database: Database, reads: Connection, writes: Connection) -> None:
        self.shard = database.ledger.shard
        self._database = database
        self._reads = reads
        self._writes = writes

    def take_over(self, holder: str) -> Place:
        """As the port."""
        return self._alive(self._writes).take_over(holder)

    def newest_id(self) -> str:
        """As the port."""
        return self._alive(self._reads).newest_id()

    def holds(self) -> Sequence[Row]:
        """As the port."""
        return self._alive(self._reads).holds()

    def look_up(self, names: Names) -> Known:
        """As the port."""
        return self._alive(self._reads).look_up(names)

    def commit(
        self,
        block: Block,
        riders: Callable[[Any], None] | None = None,
        sending: Sending | None = None,
    ) -> None:
        """As the port."""
        assert sending is not None, "the writer made it"
        self._alive(self._writes)
        self._database.keep(block, riders)

    def ride(self, riders: Callable[[Any], None]) -> None:
        """As the port."""
        self._alive(self._writes)
        txn = Txn(self._database)
        riders(txn)
        txn.install()

    @contextlib.contextmanager
    def apart(self, txn: Any) -> Iterator[None]:
        """As the port."""
        before = txn.mark()
        try:
            yield
        except Exception:
            txn.back_to(before)
            raise

    def epoch(self) -> int | None:
        """As the port."""
        return self._alive(self._writes).epoch

    def head(self, seq: int) -> bytes | None:
        """As the port."""
        block = self._alive(self._writes).block(seq)
        return block.head if block is not None else None

    def rows(self, account_id: int, after_pos: int, limit: int) -> Sequence[Row]:
        """As the port."""
        return self._alive(self._reads).rows(account_id, after_pos, limit)

    def balances_at(self, account_id: int, pos: int) -> Any:
        """As the port."""
        return self._alive(self._reads).balances_at(account_id, pos)

    def block(self, seq: int) -> Block | None:
        """As the port."""
        return self._alive(self._reads).block(seq)

    def _alive(self, connection: Connection) -> MemoryLedger:
        if not connection.is_alive:
            raise GoneError
        return self._database.ledger


class SimulatedSessions:
    """As ``PostgresSessions``."""

    def __init__(self, name: str, machine: Machine, database: Database) -> None:
        self.reads = SimulatedSession(f"{name} reads", machine, database)
        self.writes = SimulatedSession(f"{name} writes", machine, database)
        self._database = database

    def try_lock(self, connection: Connection, stall_ms: int) -> bool:
        """As the port."""
        return self._database.try_lock(connection, stall_ms)

    def ledger(self) -> SimulatedLedger:
        """As the port."""
        return SimulatedLedger(self._database, self.reads.connection, self.writes.connection)

    def hurry(self) -> None:
        """As the port: nothing, there are no threads."""


def _finish(result: Deferred[R], work: Callable[[], R]) -> None:
    try:
        value = work()
    except Exception as e:  # noqa: BLE001 -- told to the caller, as by the thread
        if not result.called:
            result.errback(e)
    else:
        if not result.called:
            result.callback(value)


def _lost() -> SessionLostError:
    return SessionLostError("the session with the database broke", retry_after_ms=1_000)
