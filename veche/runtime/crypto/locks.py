"""The advisory locks that say which process speaks for which bot.

They give liveness only: a lock can be lost without notice, with its connection. Safety is the epoch
that ``writer`` checks.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import psycopg2
from twisted.internet.defer import DeferredLock

from veche.runtime.crypto.store.devices import LOCK_NAME
from veche.runtime.database import connect
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.runtime.database import Connection

logger = logging.getLogger(__name__)

R = TypeVar("R")

BOTS_PER_PROCESS_MAX: Final = 200
"""Bots that one process speaks for; the others are left to other processes."""


class Locks:
    """The advisory locks of one process, on one connection of its own (no pgbouncer).

    If the connection breaks, all of them are lost at once.
    """

    def __init__(self, dsn: str, reactor: Any, *, bots_max: int = BOTS_PER_PROCESS_MAX) -> None:
        self._dsn = dsn
        self._reactor = reactor
        self._turn = DeferredLock()
        self._connection: Connection | None = None
        self._held: set[str] = set()
        self._bots_max = bots_max

    async def try_take(self, user_id: str) -> bool:
        """Take the lock of a bot.

        Returns:
            False if somebody else, or this process already, has it, or if this process speaks for
            as many bots as it may.
        """
        if user_id in self._held or len(self._held) >= self._bots_max:
            return False
        return await self._call(self._try_take, user_id, on_error=False)

    async def is_held(self, user_id: str) -> bool:
        """Whether we still have the lock: asks the connection."""
        if user_id not in self._held:
            return False
        return await self._call(self._ping, on_error=False) and user_id in self._held

    async def release(self, user_id: str) -> None:
        """Give a lock back; nothing if it was lost."""
        if user_id in self._held:
            self._held.discard(user_id)
            await self._call(self._release, user_id, on_error=None)

    async def close(self) -> None:
        """Give everything back."""
        await self._call(self._drop, on_error=None)

    async def _call(self, work: Callable[..., R], *args: str, on_error: R) -> R:
        await self._turn.acquire()
        try:
            return cast("R", await in_thread(self._reactor, work, *args))
        except psycopg2.Error as e:
            logger.warning("the connection of the crypto locks broke: %s", e.__class__.__name__)
            self._drop()
            return on_error
        finally:
            self._turn.release()

    def _try_take(self, user_id: str) -> bool:
        connection = self._connected()
        with connection.cursor() as txn:
            txn.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (LOCK_NAME + user_id,)
            )
            [(is_taken,)] = txn.fetchall()
        if is_taken:
            self._held.add(user_id)
        return bool(is_taken)

    def _release(self, user_id: str) -> None:
        if self._connection is not None:
            with self._connection.cursor() as txn:
                txn.execute(
                    "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (LOCK_NAME + user_id,)
                )

    def _ping(self) -> bool:
        if self._connection is None:
            return False
        with self._connection.cursor() as txn:
            txn.execute("SELECT 1")
        return True

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = connect(self._dsn, idle_session_timeout=0)
            self._connection.autocommit = True
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._held.clear()
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()
