"""Locks that a session holds, and what becomes of a holder that does nothing: a real PostgreSQL."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from twisted.internet import reactor  # noqa: TID251 -- the tests run in it
from twisted.trial.unittest import TestCase

from appservices.payments.ledger.store.shards import end_stalled, try_lock
from tests.support.postgres import database
from tests.support.processes import TIMEOUT_S, wait_until
from veche.runtime.database import DedicatedSession, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.runtime.database import Connection

pytestmark = pytest.mark.postgres

KEY: Final = 0x7E57
TABLE: Final = "pg_catalog.pg_description"
"""Any table: nobody changes it here."""
LONG_MS: Final = 60_000


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with database() as found:
        yield found


@contextmanager
def sessions(dsn: str, count: int) -> Iterator[list[Connection]]:
    """Sessions that are idle, each statement a transaction."""
    made = [connect(dsn) for _ in range(count)]
    try:
        for one in made:
            one.autocommit = True
        yield made
    finally:
        for one in made:
            one.close()


def pid(connection: Connection) -> int:
    """Of the session, if it lives."""
    with connection.cursor() as txn:
        txn.execute("SELECT pg_backend_pid()")
        [(found,)] = txn.fetchall()
    assert isinstance(found, int)
    return found


def ended(connection: Connection, stall_ms: int) -> list[int]:
    with connection.cursor() as txn:
        return end_stalled(txn, KEY, 0, TABLE, stall_ms)


def test_a_holder_that_works_and_everybody_else_live_on(dsn: str) -> None:
    with sessions(dsn, 3) as (holder, bystander, asker):
        with holder.cursor() as txn:
            assert try_lock(txn, KEY, 0)

        assert ended(asker, LONG_MS) == []

        assert len({pid(holder), pid(bystander), pid(asker)}) == 3


def test_only_the_holder_that_does_nothing_is_ended(dsn: str) -> None:
    with sessions(dsn, 3) as (holder, bystander, asker):
        with holder.cursor() as txn:
            assert try_lock(txn, KEY, 0)
        stalled = pid(holder)

        assert ended(asker, 0) == [stalled]

        assert pid(bystander) != stalled
        with asker.cursor() as txn, closing(connect(dsn)) as other, other.cursor() as late:
            # Its lock went with it.
            wait_until(lambda: try_lock(txn, KEY, 0), TIMEOUT_S, "the lock of the dead is kept")
            assert not try_lock(late, KEY, 0)


def test_a_lock_is_of_one_session_and_one_part(dsn: str) -> None:
    with sessions(dsn, 2) as (first, second), first.cursor() as one, second.cursor() as two:
        assert try_lock(one, KEY, 7)

        assert not try_lock(two, KEY, 7)
        assert try_lock(two, KEY, 8)


class ClosingTests(TestCase):
    timeout = TIMEOUT_S

    async def test_a_session_that_is_closed_holds_no_lock_any_more(self) -> None:
        scope = database()
        dsn = scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)
        session = DedicatedSession("locks", dsn, reactor)  # type: ignore[arg-type]  # the module is the reactor
        self.addCleanup(session.end)

        def lock(connection: Connection) -> bool:
            with connection.cursor() as txn:
                return try_lock(txn, KEY, 1)

        taken = []
        with sessions(dsn, 1) as (other,), other.cursor() as txn:
            for _ in range(50):
                await session.open()
                taken.append(await session.run(lock))
                await session.close()
                taken.append(try_lock(txn, KEY, 1))
                txn.execute("SELECT pg_advisory_unlock_all()")
        assert all(taken)
