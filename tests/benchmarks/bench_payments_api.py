"""Transfers by HTTP: refunds of organisations, one by one from several callers, and a payout.

Each refund is a request with a key, an idempotency key, its own rows and a transfer that the ledger
decides. Baselines of the same run: as many requests to a route of klein that only reads and answers
JSON, in the same process; as many transfers through the ledger's writer without HTTP.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- of the server's process
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

from appservices.payments.ledger.core import Account, Transfer
from appservices.payments.ledger.service.work import Work
from appservices.payments.ledger.service.writer import Writer
from tests.benchmarks import receipts
from tests.integration.appservices.payments.branch import BANK, KEYS, SHOP, Branch, token
from tests.integration.appservices.payments.ledgers import PAYMENTS
from tests.integration.appservices.payments.scenes import ALICE, BOB
from tests.support.processes import ROOT
from veche.protocol.canonical import canonical
from veche.runtime.database.embedded import EmbeddedPostgres
from veche.runtime.database.migrate import KERNEL_SETS, migrate
from veche.runtime.web import new_app, new_site
from veche.transparency.envelope import sign, signing_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from klein import Klein
    from twisted.web.iweb import IRequest

CALLERS: Final = 8
EACH: Final = 60
"""Requests of one caller; the first fifth is not counted."""
WARM_UP: Final = EACH // 5
LINES: Final = 200
INVOICE_MINOR: Final = 500
CHILD: Final = (
    "import sys; from tests.benchmarks.bench_payments_api import serve; serve(*sys.argv[1:])"
)
ENGINE: Final = (
    "import sys; from tests.benchmarks.bench_payments_api import engine; engine(sys.argv[1])"
)
_POLL_S: Final = 0.02
_LOOK_S: Final = 0.1

reactor: Any = default_reactor


def run() -> dict[str, float]:
    """Refunds a second, their latency in ms, lines of a payout a second, ratios to baselines.

    Beside them, from an invoice to its receipt in an encrypted room: see ``receipts``.
    """
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "pg") as server:
        dsn, empty = server.create_database("api"), server.create_database("engine")
        migrate(dsn, (*KERNEL_SETS, PAYMENTS))
        migrate(empty, (*KERNEL_SETS, PAYMENTS))
        figures = {"engine_baseline_per_s": _engine(empty)}
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, dsn, folder],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
        )
        try:
            assert child.stdout is not None
            ports = json.loads(child.stdout.readline())
            figures |= _measure(ports)
        finally:
            child.kill()
            child.communicate()
    figures |= receipts.measure()
    figures["ratio_bare"] = figures["refunds_per_s"] / figures["bare_klein_baseline_per_s"]
    figures["ratio_engine"] = figures["refunds_per_s"] / figures["engine_baseline_per_s"]
    return figures


def _measure(ports: dict[str, Any]) -> dict[str, float]:
    bare = _together(ports["bare"], lambda caller, n: ("/bare", _refund_body(caller, n)))
    invoices = ports["invoices"]

    def refund(caller: int, n: int) -> tuple[str, bytes]:
        return f"/invoices/{invoices[caller]}/refund", _refund_body(caller, n)

    refunds = _together(ports["api"], refund)
    began_s = time.perf_counter()
    _until_paid(ports["api"], invoices)
    waited_s = time.perf_counter() - began_s
    counted = CALLERS * (EACH - WARM_UP)
    ordered = sorted(refunds.latencies_s)
    return {
        "bare_klein_baseline_per_s": counted / bare.taken_s,
        "bare_klein_baseline_p99_ms": _part(sorted(bare.latencies_s), 0.99) * 1000,
        "refunds_per_s": counted / refunds.taken_s,
        "p50_ms": _part(ordered, 0.5) * 1000,
        "p99_ms": _part(ordered, 0.99) * 1000,
        "until_moved_ms": waited_s * 1000,
        "payout_lines_per_s": _payout(ports["api"]),
    }


class _Run:
    """What comes of requests of several callers at once."""

    def __init__(self) -> None:
        self.latencies_s: list[float] = []
        self.taken_s = 0.0


def _together(port: int, request: Callable[[int, int], tuple[str, bytes]]) -> _Run:
    run, barrier = _Run(), threading.Barrier(CALLERS + 1)

    def call(caller: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for n in range(EACH):
            if n == WARM_UP:
                barrier.wait()
            began_s = time.perf_counter()
            _ask(connection, "POST", *request(caller, n), key=f"{caller}.{n}", caller=caller)
            if n >= WARM_UP:
                run.latencies_s.append(time.perf_counter() - began_s)
        connection.close()

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
    for thread in threads:
        thread.start()
    barrier.wait()
    began_s = time.perf_counter()
    for thread in threads:
        thread.join()
    if len(run.latencies_s) != CALLERS * (EACH - WARM_UP):
        raise ValueError("a caller gave up: its error is above")
    run.taken_s = time.perf_counter() - began_s
    return run


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    *,
    key: str = "",
    caller: int = 0,
) -> Any:
    headers = {
        "Authorization": f"Bearer {token('first')}",
        "Content-Type": "application/json",
        # What one address may ask in a second is not what is measured.
        "X-Forwarded-For": f"192.0.2.{caller}",
    }
    connection.request(method, path, body, headers | ({"Idempotency-Key": key} if key else {}))
    answer = connection.getresponse()
    content = json.loads(answer.read())
    if answer.status >= 300:
        raise ValueError(f"{path}: {answer.status} {content}")
    return content


def _refund_body(caller: int, n: int) -> bytes:
    amount = {"minor": 1, "currency": "EUR"}
    return json.dumps({"amount": amount, "reason": "bench", "ours": f"{caller}.{n}"}).encode()


def _until_paid(port: int, invoices: Sequence[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for invoice in invoices:
        while True:
            view = _ask(connection, "GET", f"/invoices/{invoice}/refunds", None)
            if all(one["state"] == "paid" for one in view["refunds"]):
                break
            time.sleep(_POLL_S)
    connection.close()


def _payout(port: int) -> float:
    """Lines that are paid in a second, from the request until the last one."""
    lines = [{"ours": f"{n}", "to": BOB if n % 2 else ALICE, "minor": 1} for n in range(LINES)]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = {
        "v": 1,
        "institution": BANK,
        "organisation": SHOP,
        "ours": "bench",
        "at_ms": time.time_ns() // 1_000_000,
        "title": "Bench",
        "currency": "EUR",
        "lines": lines,
    }
    signed = canonical(sign(body, SHOP, signing_key("1", KEYS["first"])), where="body")
    began_s = time.perf_counter()
    payout = _ask(connection, "POST", "/payouts", signed, key="payout")["id"]
    while _ask(connection, "GET", f"/payouts/{payout}", None, caller=99)["state"] != "done":
        time.sleep(_LOOK_S)
    connection.close()
    return LINES / (time.perf_counter() - began_s)


def _part(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


# The server, in a process of its own.


class _Bare:
    """A route that only reads and answers JSON."""

    app: ClassVar[Klein] = new_app()

    @app.route("/bare", methods=["POST"])
    def bare(self, request: IRequest) -> bytes:
        """Read, and answer."""
        body = json.loads(request.content.read())
        request.setResponseCode(201)
        request.setHeader(b"content-type", b"application/json")
        return json.dumps(body).encode()


def serve(dsn: str, folder: str) -> None:
    """Serve an institution whose invoices Alice has paid; print where, then go on until killed."""
    keys = Path(folder) / "keys"
    keys.mkdir()
    branch = Branch(dsn, keys)
    bare: Any = reactor.listenTCP(
        0, new_site(_Bare().app.resource(), reactor), interface="127.0.0.1"
    )

    async def start() -> None:
        await branch.start()
        await branch.settled()
        invoices = [await _paid_invoice(branch, n) for n in range(CALLERS)]
        await branch.settled()
        api = int(branch.url.rpartition(":")[2])
        told = {"api": api, "bare": bare.getHost().port, "invoices": invoices}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    def begin() -> None:
        Deferred.fromCoroutine(start()).addErrback(lambda failure: failure.printTraceback())

    reactor.callWhenRunning(begin)
    reactor.run()


async def _paid_invoice(branch: Branch, number: int) -> str:
    body = {
        "addressee": ALICE,
        "title": "Bread",
        "lines": [{"text": "Bread", "amount": {"minor": INVOICE_MINOR, "currency": "EUR"}}],
        "due_at_ms": branch.now_ms() + 86_400_000,
    }
    _, view = await branch.call("POST", "/invoices", body, key=f"i{number}")
    branch.pay(view["id"])
    return str(view["id"])


# The writer alone, in a process of its own.


def _engine(dsn: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", ENGINE, dsn], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def engine(dsn: str) -> None:
    """Print how many transfers a second the writer makes for as many callers, without HTTP."""

    async def main(clock: Any) -> None:
        writer = Writer(dsn, clock)
        writer.start()
        while not writer.is_leading:
            await deferLater(clock, _POLL_S)
        accounts = [Account(1 + n, 1, 1) for n in range(CALLERS + 1)]
        await writer.submit(Work((), accounts=accounts))

        async def call(caller: int, count: int, first: int) -> None:
            for n in range(first, first + count):
                await writer.submit(Work([_transfer(caller, n)]))

        async def together(count: int, first: int) -> None:
            works = [Deferred.fromCoroutine(call(one, count, first)) for one in range(CALLERS)]
            await gatherResults(cast("Any", works))

        await together(WARM_UP, 0)
        began_s = time.perf_counter()
        await together(EACH - WARM_UP, WARM_UP)
        taken_s = time.perf_counter() - began_s
        await writer.stop()
        sys.stdout.write(f"{CALLERS * (EACH - WARM_UP) / taken_s}")

    react(lambda clock: Deferred.fromCoroutine(main(clock)))


def _transfer(caller: int, n: int) -> Transfer:
    id_ = f"{1 + n:012x}{caller:020x}"
    return Transfer(id_, debit_id=1 + CALLERS, credit_id=1 + caller, amount=1, ledger=1, code=1)
