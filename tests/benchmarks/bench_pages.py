"""How fast pages are served: reads of an API, beside a bare response of klein in the same run.

``reads_per_s`` is how many reads one process answers, of which one is: the request comes over the
loopback address, the session of the token is looked up, twelve rows are read in the same
transaction, checked by a model and written as JSON. Its CPU is held to one core, where the machine
has two or more; the asking side and PostgreSQL have the others. ``…_p99_ms`` is from the moment at
which one of ``CONNECTIONS`` waiting clients asks until it has the whole answer.

A machine that does other things besides shows in all of these; ``reads_cpu_us`` (user and system
time of the process for one read, as the kernel counts it) and the baselines show how much.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final

import attrs
import psutil

from tests.benchmarks import first_page
from tests.benchmarks.pages_server import PATH, ROWS
from tests.support.postgres import database
from tests.support.processes import ROOT
from veche.access.sessions import Agent, Level, Session, core, store
from veche.protocol.ids import UserId
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PERSONS: Final = 200
CONNECTIONS: Final = 16
"""Clients that ask at once, each anew as soon as it has its answer."""
REQUESTS: Final = 6_000
WARM_UP: Final = 1_000
_CHUNK_BYTES: Final = 65_536
_DAY_MS: Final = 24 * 3600 * 1000


def run() -> dict[str, float]:
    """All figures; a function for each kind of them."""
    return {**reads(), **first_page.figures()}


# Reads of an API.


def reads() -> dict[str, float]:
    """Reads a second, and what one takes."""
    figures: dict[str, float] = {}
    with database(*KERNEL_SETS) as dsn, _server(dsn) as (process, public, bare):
        tokens = _fill(dsn)
        asked = [_request(PATH, token) for token in tokens]
        for name, port, requests in (
            ("reads", public, asked),
            ("klein_baseline", bare, [_request("/cases")]),
        ):
            _ask(port, requests, WARM_UP)
            measured = _measure(process, port, requests)
            figures |= {
                f"{name}_per_s": measured.per_s,
                f"{name}_p50_ms": measured.quantile_ms(50),
                f"{name}_p99_ms": measured.quantile_ms(99),
                f"{name}_cpu_us": measured.cpu_us,
            }
    return figures


@attrs.frozen
class _Measured:
    """How a run of requests went."""

    taken_s: float
    cpu_s: float
    each_s: Sequence[float]

    @property
    def per_s(self) -> float:
        return len(self.each_s) / self.taken_s

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / len(self.each_s) * 1e6

    def quantile_ms(self, percent: int) -> float:
        return statistics.quantiles(self.each_s, n=100)[percent - 1] * 1e3


@contextmanager
def _server(dsn: str) -> Iterator[tuple[psutil.Process, int, int]]:
    """The process with the public site, and its two ports."""
    command = [sys.executable, "-m", "tests.benchmarks.pages_server", dsn]
    one = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert one.stdout is not None
        public, bare = json.loads(one.stdout.readline())
        process = psutil.Process(one.pid)
        with _apart(process):
            yield process, public, bare
    finally:
        one.kill()
        one.communicate()


@contextmanager
def _apart(process: psutil.Process) -> Iterator[None]:
    """Hold a process to one core, and ourselves to the others, where there are any."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        yield
        return
    process.cpu_affinity(cores[:1])
    for thread in process.threads():
        os.sched_setaffinity(thread.id, cores[:1])
    os.sched_setaffinity(0, cores[1:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _fill(dsn: str) -> list[str]:
    """Persons with cases; a token of a session of each."""
    now_ms = int(time.time() * 1000)  # noqa: TID251 -- the clock of the process that is measured
    tokens = [f"{number:043}" for number in range(PERSONS)]
    with closing(connect(dsn)) as connection, connection, connection.cursor() as txn:
        txn.execute(
            "CREATE TABLE bench_case (id text PRIMARY KEY, person text, title text, state text,"
            " changed_at_ms bigint)"
        )
        txn.execute(
            "INSERT INTO bench_case"
            " SELECT lpad(p || '-' || c, 26, '0'), '@p' || p || ':veche.test',"
            " 'A copy of a birth certificate', 'open', %s + c"
            " FROM generate_series(0, %s) AS p, generate_series(1, %s) AS c",
            (now_ms, PERSONS - 1, ROWS),
        )
        txn.execute("CREATE INDEX ON bench_case (person, changed_at_ms)")
        for number, token in enumerate(tokens):
            session = Session(
                id=f"{number:026}",
                person=UserId(f"@p{number}:veche.test"),
                level=Level.LOW,
                language="en",
                agent=Agent(),
                begun_at_ms=now_ms,
                used_at_ms=now_ms,
                ends_at_ms=now_ms + _DAY_MS,
            )
            store.add_session(txn, session, core.hash_of(token))
    return tokens


def _request(path: str, token: str = "") -> bytes:
    lines = [f"GET {path} HTTP/1.1", "host: veche.example.org", "accept-language: de"]
    if token:
        lines.append(f"authorization: Bearer {token}")
    return "\r\n".join([*lines, "", ""]).encode()


def _measure(process: psutil.Process, port: int, requests: Sequence[bytes]) -> _Measured:
    before = process.cpu_times()
    began_s = time.perf_counter()
    each_s = _ask(port, requests, REQUESTS)
    taken_s = time.perf_counter() - began_s
    after = process.cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    return _Measured(taken_s, cpu_s, each_s)


def _ask(port: int, requests: Sequence[bytes], count: int) -> list[float]:
    """Ask so often over all connections; how long each answer took, in seconds."""
    taken_s: list[float] = []
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        clients = []
        for _ in range(CONNECTIONS):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            clients.append(_Client(one))
            selector.register(one, selectors.EVENT_READ, clients[-1])
        left = iter([requests[number % len(requests)] for number in range(count)])
        for client in clients:
            client.ask(next(left))
        while len(taken_s) < count:
            for key, _ in selector.select():
                client = key.data
                if not client.read():
                    continue
                taken_s.append(time.perf_counter() - client.asked_at_s)
                request = next(left, None)
                if request is not None:
                    client.ask(request)
    return taken_s


class _Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self.asked_at_s = 0.0

    def ask(self, request: bytes) -> None:
        self._received = b""
        self.asked_at_s = time.perf_counter()
        self._connection.sendall(request)

    def read(self) -> bool:
        """Whether the answer is whole.

        Raises:
            RuntimeError: It is not what was asked for.
        """
        data = self._connection.recv(_CHUNK_BYTES)
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not data or (end and not head.startswith(b"HTTP/1.1 200 ")):
            raise RuntimeError(f"the answer is {head[:200]!r}")
        if not end:
            return False
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return body.endswith(b"0\r\n\r\n")
        length = int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return len(body) >= length
