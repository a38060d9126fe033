"""How quickly bots and Synapse answer while time stamps are asked for; run as a program, the house.

One process carries the bot and the keys. A person says something to the bot and waits for its
answer, in turn alone and beside ``STAMPS_PER_S`` time stamps a second of a process of its own, so
that what else the machine does falls on both. Synapse is asked who a token is of.
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.client
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from appservices.signing.commands.ca import make_authority
from appservices.signing.spec import SERVICE as SIGNING
from appservices.widgets.spec import SERVICE as WIDGETS
from tests.benchmarks.light_client import LightClient
from tests.support import echo
from tests.support.processes import ROOT
from tests.support.services import house
from veche.cli.serve import serve
from veche.documents.pki.stamps import StampRequest
from veche.runtime import log
from veche.runtime.config import load_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.services import House

STAMPS_PER_S: Final = 40
"""Below what one client address may ask for."""
TURNS: Final = 3
EXCHANGES: Final = 15
"""In each turn."""
WARM_UP: Final = 10
SETTLED_S: Final = 0.5
_SPECS: Final = {one.name: one for one in (echo.SERVICE, SIGNING, WIDGETS)}
_WHOAMI: Final = "/_matrix/client/v3/account/whoami"
_numbers = itertools.count(1)


def figures() -> dict[str, float]:
    """Medians in ms; ``latency_beside_load`` is that of the bot beside the load over that alone."""
    with tempfile.TemporaryDirectory(prefix="veche-bench-") as folder:
        path = Path(folder)
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # noqa: TID251 -- a real house
        make_authority(path / "ca", "Lindenau", "http://localhost:1", b"a long passphrase", now)
        with house(
            path / "house",
            program=(sys.executable, "-m", "tests.benchmarks.stamping"),
            sections={"echo": {}, "signing": {"folder": str(path / "ca")}},
            migrations=(echo.MIGRATIONS, *(one.migrations for one in (SIGNING, WIDGETS))),
            has_pages=True,
        ) as town:
            return _measured(town)


def _measured(town: House) -> dict[str, float]:
    person = LightClient(town, "alice")
    bot = echo.bot_of(town.server.plan.server_name)
    room_id = person.create_room(bot, is_encrypted=True)

    def exchange() -> None:
        words = f"message {next(_numbers)}"
        person.call("PUT", *person.prepare(room_id, words))
        person.wait_for(room_id, echo.answer_to(words))

    def ask() -> None:
        person.call("GET", _WHOAMI)

    for _ in range(WARM_UP):
        exchange()
    taken: dict[str, list[float]] = {}
    stamped: list[float] = []
    for _ in range(TURNS):
        _add(taken, "alone", exchange, ask)
        with _load(town.pages_url) as asked:
            _add(taken, "beside_load", exchange, ask)
        stamped.append(asked[0])
    found = {f"{name}_p50_ms": statistics.median(some) for name, some in taken.items()}
    return found | {
        "latency_beside_load": found["answer_beside_load_p50_ms"] / found["answer_alone_p50_ms"],
        "load_stamps_per_s": statistics.mean(stamped),
    }


def _add(
    taken: dict[str, list[float]],
    name: str,
    exchange: Callable[[], None],
    ask: Callable[[], None],
) -> None:
    for kind, work in (("answer", exchange), ("synapse", ask)):
        some = taken.setdefault(f"{kind}_{name}", [])
        for _ in range(EXCHANGES):
            began_s = time.perf_counter()
            work()
            some.append((time.perf_counter() - began_s) * 1000)


@contextmanager
def _load(url: str) -> Iterator[list[float]]:
    """A process that asks for time stamps; afterwards, how many a second it got."""
    asked: list[float] = []
    command = [sys.executable, "-m", "tests.benchmarks.stamping", "--load", url]
    one = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert one.stdout is not None
    one.stdout.readline()  # it has its first stamp
    time.sleep(SETTLED_S)
    try:
        yield asked
    finally:
        said, _ = one.communicate("stop\n")
        asked.append(float(said))


def _ask_for_stamps(url: str) -> None:
    """Ask at an even rate until told to stop on standard input."""
    import select  # noqa: PLC0415 -- of the load alone

    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    head = {"Content-Type": "application/timestamp-query"}
    began_s, count = time.monotonic(), 0
    while True:
        query = StampRequest(count.to_bytes(32), count + 1).encoded()
        connection.request("POST", "/_veche/signing/v1/tsa", query, head)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"no stamp: {answer.status}")
        if not count:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
        count += 1
        wait_s = max(began_s + count / STAMPS_PER_S - time.monotonic(), 0)
        if select.select([sys.stdin], [], [], wait_s)[0]:
            break
    sys.stdout.write(f"{count / (time.monotonic() - began_s)}\n")


def _serve(path: Path) -> int:
    config = load_config(path, {name: one.config for name, one in _SPECS.items()})
    log.set_up(config.log.level, config.log.format)
    return serve(config, _SPECS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", type=Path)
    parser.add_argument("--load")
    chosen = parser.parse_args()
    if chosen.load:
        _ask_for_stamps(chosen.load)
    else:
        sys.exit(_serve(chosen.config))
