"""The advisory locks that say which process speaks for which bot.

They give liveness only: a lock can be lost without notice, with its connection. Safety is the epoch
that ``writer`` checks.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg2
from twisted.internet.defer import DeferredLock

from veche.runtime.crypto.store.devices import LOCK_NAME
from veche.runtime.database import DedicatedSession, SessionLostError

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

    def __init__(self, session: DedicatedSession, *, bots_max: int = BOTS_PER_PROCESS_MAX) -> None:
        """Take none so far.

        Args:
            session: Keeps them; of these locks alone.
            bots_max: Most that are taken.
        """
        self._session = session
        self._turn = DeferredLock()
        self._held: set[str] = set()
        self._bots_max = bots_max
        self._is_closed = False

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
        """Return whether we still have the lock: asks the connection."""
        if user_id not in self._held:
            return False
        return await self._call(_ping, on_error=False) and user_id in self._held

    async def release(self, user_id: str) -> None:
        """Give a lock back; nothing if it was lost."""
        if user_id in self._held:
            self._held.discard(user_id)
            await self._call(_release, user_id, on_error=None)

    async def close(self) -> None:
        """Give everything back, for good; nothing if that was done before."""
        if self._is_closed:
            return
        self._is_closed = True
        self._held.clear()
        await self._session.close()
        self._session.end()

    async def _call(self, work: Callable[..., R], *args: str, on_error: R) -> R:
        await self._turn.acquire()
        try:
            if not self._session.is_open:
                await self._session.open()
            return await self._session.run(work, *args)
        except (psycopg2.Error, SessionLostError) as e:
            logger.warning("the connection of the crypto locks broke: %s", e.__class__.__name__)
            self._held.clear()
            await self._session.close()
            return on_error
        finally:
            self._turn.release()

    def _try_take(self, connection: Connection, user_id: str) -> bool:
        with connection.cursor() as txn:
            txn.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (LOCK_NAME + user_id,)
            )
            [(is_taken,)] = txn.fetchall()
        if is_taken:
            self._held.add(user_id)
        return bool(is_taken)


def _release(connection: Connection, user_id: str) -> None:
    with connection.cursor() as txn:
        txn.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (LOCK_NAME + user_id,))


def _ping(connection: Connection) -> bool:
    with connection.cursor() as txn:
        txn.execute("SELECT 1")
    return True
