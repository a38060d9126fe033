"""The ledger's writer beside PostgreSQL with one transaction a transfer, all on one server.

Baselines: pgbench's TPC-B-like transaction; a function a transfer, twice; django-hordak. The
functions are ``sql_ledger.sql``, with the work that pgledger does for a transfer, and
``lean_ledger.sql``, as little as a ledger in SQL can do. ``ratio_sql_function`` is to the first;
until November 2026 it was to the second, which is ``ratio_lean_function`` now. Every commit is
flushed. Latency is measured in an open loop: transfers arrive at a fixed rate whatever the ledger
does, and wait from the moment they were meant to come.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import deferLater

from appservices.payments.ledger.core import Account, Row, Transfer
from appservices.payments.ledger.core.block import FIRST_HEAD, Content, seal
from appservices.payments.ledger.core.values import ROWS_MAX
from appservices.payments.ledger.service.work import Work
from appservices.payments.ledger.service.writer import Writer
from tests.integration.appservices.payments.ledgers import PAYMENTS, sql
from veche.runtime.database.embedded import EmbeddedPostgres, binaries
from veche.runtime.database.migrate import KERNEL_SETS, migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from appservices.payments.ledger.service.work import Outcome

    Act = Callable[[Writer, EPollReactor], Coroutine[Deferred[Any], Any, float]]

ACCOUNTS: Final = 10_000
RUN_S: Final = 5.0
"""How long each run takes; the first fifth is not counted."""
WARM_UP: Final = 0.2
RATE: Final = 10_000
CALLERS: Final = 64
SINGLES_PER_S_MAX: Final = 80_000
"""More than they can get answers for."""
IN_FLIGHT: Final = 3
TPCB_CLIENTS: Final = 16
TPCB_SCALE: Final = 50
SQL_CLIENTS: Final = (16, 64)
_CALLS: Final = {
    "sql": "SELECT * FROM create_transfers("
    "ARRAY[(account_id(:payer), account_id(:payee), :amount)::wanted])",
    "lean": "SELECT create_transfer(:payer, :payee, :amount)",
}
"""One transfer by each ``NAME_ledger.sql``; the figures are called ``NAME_function_…``."""
_SOURCE: Final = ACCOUNTS + 1
_HOT: Final = 1
_TICK_S: Final = 0.001


def run() -> dict[str, float]:
    """Transfers a second, ratios to the baselines, latencies in ms, the tree's cost in percent."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "pg") as server:
        for setting in ("max_wal_size = '4GB'", "checkpoint_completion_target = 0.9"):
            sql_alone(server.dsn(), f"ALTER SYSTEM SET {setting}")
        sql(server.dsn(), "SELECT pg_reload_conf()")
        figures = _baselines(server)
        figures["batch_per_s"] = _drive(_ledger(server, "batch"), _saturated)
        figures["ratio_tpcb"] = figures["batch_per_s"] / figures["tpcb_baseline_per_s"]
        singles = figures["singles_per_s"] = _drive(_ledger(server, "singles"), _singles)
        for name in ("sql_function", "lean_function", "hordak"):
            if (baseline := figures.get(f"{name}_baseline_per_s")) is not None:
                figures[f"ratio_{name}"] = singles / baseline
        figures["p99_ms_10k"] = _drive(_ledger(server, "even"), _open_loop)
        figures["p99_ms_hot"] = _drive(_ledger(server, "hot"), _hot_loop)
        figures["merkle_cost"] = _seal_s() * figures["batch_per_s"] * 100
        return figures


def sql_alone(dsn: str, statement: str) -> None:
    """A statement that no transaction may hold."""
    command = [str(binaries() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, dsn]
    subprocess.run(command, check=True, capture_output=True)


# Baselines


def _baselines(server: EmbeddedPostgres) -> dict[str, float]:
    tpcb = server.create_database("tpcb")
    _pgbench(tpcb, "-i", "-q", "-s", str(TPCB_SCALE))
    figures = {"tpcb_baseline_per_s": _pgbench_tps(tpcb, TPCB_CLIENTS)}
    for name, call in _CALLS.items():
        figures[f"{name}_function_baseline_per_s"] = _function_tps(server, name, call)
    if importlib.util.find_spec("hordak") is not None:
        figures["hordak_baseline_per_s"] = _hordak(server.create_database("hordak"))
    return figures


def _function_tps(server: EmbeddedPostgres, name: str, call: str) -> float:
    """Transfers a second of a ledger that is a function in the database; its best of some."""
    dsn = server.create_database(name)
    sql(dsn, Path(__file__).with_name(f"{name}_ledger.sql").read_text())
    sql(dsn, f"SELECT open_accounts({ACCOUNTS})")
    sql_alone(dsn, "VACUUM ANALYZE")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(
            f"\\set payer random(1, {ACCOUNTS})\n"
            f"\\set payee (:payer + random(0, {ACCOUNTS - 2})) % {ACCOUNTS} + 1\n"
            f"\\set amount random(1, 99)\n{call};\n"
        )
        script.flush()
        Path(script.name).chmod(0o644)
        return max(_pgbench_tps(dsn, clients, "-f", script.name) for clients in SQL_CLIENTS)


def _pgbench_tps(dsn: str, clients: int, *arguments: str) -> float:
    load = ["-n", "-M", "prepared", "-T", str(int(RUN_S)), "-c", str(clients), "-j", "2"]
    return float(_pgbench(dsn, *load, *arguments).split("tps = ")[1].split()[0])


def _pgbench(dsn: str, *arguments: str) -> str:
    command = [str(binaries() / "pgbench"), *arguments, dsn]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _hordak(dsn: str) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.hordak_ledger", dsn, str(RUN_S)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


# Ours


def _ledger(server: EmbeddedPostgres, name: str) -> str:
    """A ledger of its own, in which everybody has money."""
    dsn = server.create_database(f"ledger_{name}")
    migrate(dsn, [*KERNEL_SETS, PAYMENTS])
    accounts = [Account(_SOURCE, 1, 3)]
    accounts += [Account(number, 1, 1, 1) for number in range(1, ACCOUNTS + 1)]
    gifts = [Transfer(_new_id(), _SOURCE, number, 10**9, 1, 1) for number in range(1, ACCOUNTS + 1)]

    async def fill(writer: Writer, _: EPollReactor) -> float:
        for first in range(0, len(accounts), ROWS_MAX):
            await writer.submit(Work((), accounts=accounts[first : first + ROWS_MAX]))
        for first in range(0, len(gifts), ROWS_MAX):
            await writer.submit(Work(gifts[first : first + ROWS_MAX]))
        return 0

    _drive(dsn, fill)
    sql_alone(dsn, "VACUUM ANALYZE")
    sql_alone(dsn, "CHECKPOINT")
    return dsn


def _drive(dsn: str, act: Act) -> float:
    """What comes of something done with a writer, in a reactor of its own."""
    reactor = EPollReactor()
    results: list[float] = []

    async def work() -> None:
        writer = Writer(dsn, reactor)
        writer.start()
        try:
            while not writer.is_leading:
                await deferLater(reactor, 0.01)
            results.append(await act(writer, reactor))
        finally:
            await writer.stop()

    def start() -> None:
        done = Deferred.fromCoroutine(work())
        done.addErrback(lambda failure: failure.printTraceback())
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run(installSignalHandlers=False)
    return results[0]


async def _saturated(writer: Writer, _: EPollReactor) -> float:
    """Transfers a second, as many as it takes, in works that fill a block."""
    works = [Work(_payments(ROWS_MAX)) for _ in range(int(RUN_S * 60_000 / ROWS_MAX))]
    waiting: deque[Deferred[Any]] = deque()
    ended_s: list[float] = []
    started_s = time.perf_counter()
    while works and time.perf_counter() - started_s < RUN_S:
        waiting.append(writer.submit(works.pop()))
        if len(waiting) >= IN_FLIGHT:
            await waiting.popleft()
            ended_s.append(time.perf_counter())
    await gatherResults(list(waiting))
    counted = [one for one in ended_s if one - started_s > RUN_S * WARM_UP]
    return ROWS_MAX * (len(counted) - 1) / (counted[-1] - counted[0])


async def _singles(writer: Writer, _: EPollReactor) -> float:
    """Transfers a second of callers who each wait for the answer."""
    works = _single_works(int(SINGLES_PER_S_MAX * RUN_S))
    works.reverse()  # the oldest id comes first, as in life
    count = 0
    started_s = time.perf_counter()

    async def call() -> None:
        nonlocal count
        while (passed_s := time.perf_counter() - started_s) < RUN_S:
            await writer.submit(works.pop())
            count += passed_s > RUN_S * WARM_UP

    await gatherResults([Deferred.fromCoroutine(call()) for _ in range(CALLERS)])
    gc.unfreeze()
    return count / (time.perf_counter() - started_s - RUN_S * WARM_UP)


async def _open_loop(writer: Writer, reactor: EPollReactor, hot: bool = False) -> float:
    """99th percentile in ms from the meant arrival to the answer, arrivals as Poisson's."""
    works = _single_works(int(RATE * RUN_S), hot=hot)
    gaps_s = [random.expovariate(RATE) for _ in works]
    late_s: list[float] = []
    is_done: Deferred[None] = Deferred()

    def note(_: Outcome, due_s: float) -> None:
        late_s.append(time.perf_counter() - due_s)
        if len(late_s) == len(works):
            is_done.callback(None)

    due_s = time.perf_counter()
    for work, gap_s in zip(works, gaps_s, strict=True):
        due_s += gap_s
        while due_s > time.perf_counter():
            await deferLater(reactor, _TICK_S)
        writer.submit(work).addCallback(note, due_s)
    await is_done
    gc.unfreeze()
    counted = sorted(late_s[int(len(late_s) * WARM_UP) :])
    return counted[int(len(counted) * 0.99)] * 1000


async def _hot_loop(writer: Writer, reactor: EPollReactor) -> float:
    return await _open_loop(writer, reactor, hot=True)


def _seal_s() -> float:
    """Seconds a transfer to hash the leaves and the tree of a full block; the best of some.

    Of the thread's own time: what else the machine does in these few milliseconds is no cost of it.
    """
    rows = tuple(
        Row(n, t.id, t.debit_id, t.credit_id, 1, 0, 1, 1, 0, None, None, None, 0, 0, None, 1)
        for n, t in enumerate(_payments(ROWS_MAX))
    )
    times_s = []
    for _ in range(5):
        started_s = time.thread_time()
        seal(0, 1, FIRST_HEAD, Content(1, 1, rows))
        times_s.append(time.thread_time() - started_s)
    return min(times_s) / ROWS_MAX


def _single_works(count: int, *, hot: bool = False) -> list[Work]:
    """Works of one transfer, made beforehand and out of the garbage collector's sight.

    They are the callers', whose making and keeping must not take the ledger's time: it has the
    interpreter to itself but for a callback a transfer.
    """
    works = [Work([one]) for one in _payments(count, hot=hot)]
    gc.collect()
    gc.freeze()
    return works


def _payments(count: int, *, hot: bool = False) -> Sequence[Transfer]:
    """Between accounts chosen evenly, or all to one of them."""
    found = []
    for _ in range(count):
        payer = random.randrange(2, ACCOUNTS + 1)  # noqa: S311 -- load
        payee = _HOT if hot else payer % ACCOUNTS + 1
        found.append(Transfer(_new_id(), payer, payee, random.randrange(1, 100), 1, 1))  # noqa: S311
    return found


def _new_id() -> str:
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"
