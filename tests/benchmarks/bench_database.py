"""CPU of one transaction: our pool, and Twisted's ``adbapi`` as baseline, on one PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from typing import Final

from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.epollreactor import EPollReactor

from tests.support.postgres import database
from veche.runtime.database import Cursor, Database, connect

TRANSACTIONS: Final = 6_000
THREADS: Final = 4
IN_FLIGHT: Final = (1, 32)

Do = Callable[[], Awaitable[object]]
Pool = Callable[[str, EPollReactor], tuple[Do, Callable[[], None]]]


def run() -> dict[str, float]:
    """Microseconds of CPU and of time a transaction, with one and with many at once."""
    figures: dict[str, float] = {}
    with database() as dsn:
        with closing(connect(dsn)) as connection, connection, connection.cursor() as txn:
            txn.execute("CREATE TABLE counter AS SELECT i, 0 AS n FROM generate_series(1, 100) i")
        for in_flight in IN_FLIGHT:
            figures |= _named(f"ours_{in_flight}", _measure(_ours, dsn, in_flight))
            figures |= _named(f"adbapi_baseline_{in_flight}", _measure(_adbapi, dsn, in_flight))
        figures |= _named("psycopg2_alone_baseline", _measure_alone(dsn))
    return figures


def _named(name: str, measured: tuple[float, float]) -> dict[str, float]:
    return {f"{name}_cpu_us": measured[0], f"{name}_us": measured[1]}


def _transaction(txn: Cursor) -> object:
    txn.execute("SELECT n FROM counter WHERE i = 1")
    return txn.fetchone()


def _ours(dsn: str, reactor: EPollReactor) -> tuple[Do, Callable[[], None]]:
    pool = Database(dsn, reactor, threads=THREADS)
    return partial(pool.run, "bench", _transaction), pool.close


def _adbapi(dsn: str, reactor: EPollReactor) -> tuple[Do, Callable[[], None]]:
    pool = ConnectionPool("psycopg2", dsn, cp_min=1, cp_max=THREADS, cp_reactor=reactor)
    return partial(pool.runInteraction, _transaction), pool.close


def _measure(make: Pool, dsn: str, in_flight: int) -> tuple[float, float]:
    # A reactor of its own, since one cannot be run twice.
    reactor = EPollReactor()
    result: list[tuple[float, float]] = []

    async def repeat(do: Do, count: int) -> None:
        for _ in range(count):
            await do()

    async def measure() -> None:
        do, close = make(dsn, reactor)
        await repeat(do, THREADS)
        started = time.process_time(), time.perf_counter()
        each = TRANSACTIONS // in_flight
        await gatherResults([Deferred.fromCoroutine(repeat(do, each)) for _ in range(in_flight)])
        result.append(_each_us(started, each * in_flight))
        close()

    def start() -> None:
        Deferred.fromCoroutine(measure()).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run(installSignalHandlers=False)
    return result[0]


def _measure_alone(dsn: str) -> tuple[float, float]:
    with closing(connect(dsn)) as connection:
        started = time.process_time(), time.perf_counter()
        for _ in range(TRANSACTIONS):
            with connection.cursor() as txn:
                _transaction(txn)
            connection.commit()
        return _each_us(started, TRANSACTIONS)


def _each_us(started: tuple[float, float], count: int) -> tuple[float, float]:
    cpu_s, at_s = started
    return (
        (time.process_time() - cpu_s) / count * 1e6,
        (time.perf_counter() - at_s) / count * 1e6,
    )
