"""The two sessions of a writer with its shard: one looks up, one holds the lock and commits.

A port, so that the writer as it is can be put beside a database that a test makes up, with its
delays and losses: ``tests/simulation``. ``PostgresSessions`` is the real one.
"""

from __future__ import annotations

import gc
import logging
import sys
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from appservices.payments.ledger.core.port import LedgerStore
from appservices.payments.ledger.service import gauges
from appservices.payments.ledger.store import shards
from appservices.payments.ledger.store.ledger import PostgresLedger
from veche.runtime.database import Cursor, DedicatedSession

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from appservices.payments.ledger.core.block import Block
    from appservices.payments.ledger.store.copies import Sending
    from veche.runtime.database import Connection

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)

SWITCH_S: Final = 0.0005
"""How soon a thread lets another one have the interpreter: the reactor and two threads hand work to
each other, and each would wait for ten times as long otherwise."""

GARBAGE_FROM: Final = 5_000
"""After how many new objects the collector looks for garbage.

With 700, as Python has it, a transfer costs a seventh more CPU while 40,000 wait (22.1 µs, not
18.8): what waits and what is cached is no garbage, and is gone through again and again. With 20,000
it costs no less than with 5,000 (19.4 µs). For the same reason the collector never goes through
what was there after the start of a process: ``veche.runtime.memory.settle``.

No request needs it: with the collector off, memory grows by 4 MiB in 500 refused uploads, see
``test_refused_files_take_no_memory_even_without_a_garbage_collector``."""


class Session(Protocol):
    """A ``DedicatedSession`` whose connection is nobody's business."""

    async def open(self) -> None:
        """Begin it."""

    async def run(
        self, work: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do something with it, in its thread."""
        ...

    async def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do something in its thread, which uses sessions by ``use``."""
        ...

    def use(self, work: Callable[Concatenate[Any, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As ``run``, in the thread of another session, while nobody else uses this one."""
        ...

    async def close(self) -> None:
        """End it; it may be begun again."""

    def end(self) -> None:
        """End it and its thread for good."""


class WritersLedger(LedgerStore[Cursor], Protocol):
    """The writer's operations on its shard, beside those of every ledger.

    Attributes:
        shard: Which.
    """

    shard: int

    def commit(
        self,
        block: Block,
        riders: Callable[[Cursor], None] | None = None,
        sending: Sending | None = None,
    ) -> None:
        """As the port; ``sending`` is the block as it is sent, if that has been made already."""

    def ride(self, riders: Callable[[Cursor], None]) -> None:
        """Keep what riders write, where no block belongs to it."""

    def apart(self, txn: Cursor) -> AbstractContextManager[None]:
        """Keep nothing of what is written in here if it raises, and all that was written before."""
        ...

    def epoch(self) -> int | None:
        """The present epoch, as the session that commits sees it."""

    def head(self, seq: int) -> bytes | None:
        """The head of a block, None if there is none of that number; likewise."""


class Sessions(Protocol):
    """Both sessions, and the shard as it is seen through them.

    Attributes:
        reads: Looks up.
        writes: Holds the lock, and commits.
    """

    @property
    def reads(self) -> Session:
        """As above."""
        ...

    @property
    def writes(self) -> Session:
        """As above."""
        ...

    def try_lock(self, connection: Any, stall_ms: int) -> bool:
        """In ``writes``: become the one who may write, unless another one lives.

        Args:
            connection: Of ``writes``.
            stall_ms: Whoever has done nothing for so long is ended first.
        """
        ...

    def ledger(self) -> WritersLedger:
        """The shard; both sessions are open, and it is used in them alone."""
        ...

    def hurry(self) -> None:
        """This process writes from now on, and others wait for it."""


class PostgresSessions:
    """Two sessions with PostgreSQL.

    Attributes:
        reads: Looks up.
        writes: Holds the lock, and commits.
    """

    def __init__(self, dsn: str, reactor: Any, shard: int) -> None:
        """Nothing is connected before they are opened.

        Args:
            dsn: Not through a pooler that hands a session to several clients.
            reactor: Gets the results.
            shard: Which one.
        """
        self.reads = DedicatedSession(f"ledger-{shard}-reads", dsn, reactor)
        self.writes = DedicatedSession(f"ledger-{shard}-writes", dsn, reactor)
        self._shard = shard

    def try_lock(self, connection: Connection, stall_ms: int) -> bool:
        """As the port."""
        with connection.cursor() as txn:
            ended = shards.end_stalled(txn, shards.LOCK, self._shard, shards.TABLE, stall_ms)
            if ended:
                gauges.stalled.inc(len(ended))
                logger.warning("ended the sessions %s of a writer that does nothing", ended)
            return shards.try_lock(txn, shards.LOCK, self._shard)

    def ledger(self) -> PostgresLedger:
        """As the port."""
        return PostgresLedger(self._shard, self.reads.connection, self.writes.connection)

    def hurry(self) -> None:
        """As the port: by how the interpreter shares its time, for the whole process."""
        sys.setswitchinterval(SWITCH_S)
        gc.set_threshold(GARBAGE_FROM, 10, 10)
