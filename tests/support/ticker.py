"""A service with one job that comes back twice a second, in a process whose clock may be wrong.

Run as ``python -m tests.support.ticker -c FILE``; its section is ``ticker: {}``. The environment
variable ``VECHE_TEST_AHEAD_S`` says how far the clock of the machine is ahead.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from veche.cli.serve import serve
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id
from veche.runtime import log
from veche.runtime.config import Section, load_config
from veche.runtime.database.migrate import MigrationSet
from veche.server.spec import ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.protocol.errors import RefusedError
    from veche.protocol.inbound import Inbound, PageAct
    from veche.runtime.database import Cursor
    from veche.runtime.ports import Undelivered

TICK: Final = "ticker.tick"
EVERY_MS: Final = 500
AHEAD: Final = "VECHE_TEST_AHEAD_S"
PROGRAM: Final = (sys.executable, "-m", "tests.support.ticker")
"""Starts it."""
SECTIONS: Final[Mapping[str, Any]] = {"ticker": {}}
MIGRATIONS: Final = MigrationSet("ticker", "tests.support")
"""It has no tables."""


class TickerSection(Section):
    """Nothing can be chosen."""


class Ticker:
    """Ticks, in one of the processes each time."""

    bots = ()

    def __init__(self, host: BotPorts, _section: TickerSection) -> None:
        self._host = host

    def receive(self, txn: Cursor, inbound: Inbound) -> None:  # noqa: ARG002 -- of the protocol
        raise AssertionError("it has no bot")

    def receive_page(self, txn: Cursor, act: PageAct) -> None:  # noqa: ARG002 -- of the protocol
        raise AssertionError("it has no bot")

    def undelivered(self, txn: Cursor, undelivered: Undelivered) -> None:  # noqa: ARG002 -- of the protocol
        raise AssertionError("it has no bot")

    def job_handlers(self) -> Mapping[str, JobHandler]:
        return {TICK: Tick()}

    async def started(self) -> None:
        await self._host.database.run("tick", _begin, self._host.now_ms())


class Tick:
    """Comes back."""

    async def perform(self, job: Job) -> Mapping[str, Any]:  # noqa: ARG002 -- of the protocol
        return {}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        tick_at(txn, job.payload["number"] + 1, now_ms + EVERY_MS)

    def refused(self, txn: Cursor, job: Job, error: RefusedError, now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        raise AssertionError(f"no errand is refused: {error}")


def tick_at(txn: Cursor, number: int, at_ms: int) -> None:
    """Tick then."""
    id_ = effect_id(TICK, str(number))
    jobs.schedule(txn, Job(id_, TICK, {"number": number}, at_ms))


def _begin(txn: Cursor, now_ms: int) -> None:
    """Begin to tick, unless another process did."""
    txn.execute("SELECT 1 FROM runtime.errand WHERE kind = %s", (TICK,))
    if txn.fetchone() is None:
        tick_at(txn, 0, now_ms)


SERVICE: Final = ServiceSpec("ticker", TickerSection, MIGRATIONS, Ticker)


def main(path: Path) -> int:
    """Serve until told to stop, by a clock that is as far ahead as the environment says."""
    from twisted.internet import reactor  # noqa: PLC0415, TID251 -- this is a program

    clock: Any = reactor
    right, ahead_s = clock.seconds, float(os.environ.get(AHEAD, "0"))
    clock.seconds = lambda: right() + ahead_s
    config = load_config(path, {SERVICE.name: SERVICE.config})
    log.set_up(config.log.level, config.log.format)
    return serve(config, {SERVICE.name: SERVICE})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", type=Path, required=True)
    sys.exit(main(parser.parse_args().config))
