"""A process that may write the ledger, under mixed load; to be killed and stopped at any moment.

Run as ``python -m … DSN JOURNAL SEED [before|copied|inside]``. What it asks is written to the
journal before it asks, and the answer after it came; asked again until it has one. With a third
word it stops itself (SIGSTOP), once: as it is about to keep a block, when the rows are copied in,
or when the database has agreed to it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- this is a program
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from appservices.payments.ledger.core import Result, Transfer, TransferFlag
from appservices.payments.ledger.service import shift
from appservices.payments.ledger.service import writer as module
from appservices.payments.ledger.service.work import Work
from appservices.payments.ledger.service.writer import Writer
from appservices.payments.ledger.store import copies
from appservices.payments.ledger.store.copies import sending_of
from appservices.payments.ledger.store.ledger import PostgresLedger
from veche.protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from appservices.payments.ledger.core.block import Block
    from appservices.payments.ledger.store.copies import Copy

reactor: Any = default_reactor

PEOPLE = range(101, 141)
"""Accounts; the last one does not exist."""
CALLERS = 6
PAST_MAX = 500
STALL_MS = 3_000
HEARTBEAT_MS = 200
"""Shorter than in life, so that tests need not wait for them."""


class Journal:
    """What was asked and what was answered, by number of the request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.asked: dict[str, list[Transfer]] = {}
        self.answered: dict[str, list[Result]] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            # The last line may be torn: then nobody was told of it.
            if line.endswith("]"):
                kind, number, values = json.loads(line)
                if kind == "ask":
                    self.asked[number] = [Transfer(*one) for one in values]
                else:
                    self.answered[number] = [Result(one) for one in values]

    def write(self, kind: str, number: str, values: Sequence[Any]) -> None:
        """One more line, kept even if this process is killed at once."""
        with self._path.open("a") as file:
            file.write(json.dumps([kind, number, values]) + "\n")


@attrs.define
class Load:
    """The callers of one process."""

    writer: Writer
    journal: Journal
    chance: random.Random
    holds: list[str] = attrs.field(factory=list)
    past: list[Transfer] = attrs.field(factory=list)

    async def call(self) -> None:
        """Ask for ever."""
        while True:
            chain = self.some_chain()
            number = new_id()
            self.journal.write("ask", number, chain)
            results = await self.answer(Work(chain))
            self.journal.write("got", number, [int(one) for one in results])
            self.past = [*self.past[-PAST_MAX:], *chain]

    async def answer(self, work: Work) -> Sequence[Result]:
        """Ask until there is an answer."""
        while True:
            try:
                return (await self.writer.submit(work)).results
            except UnavailableError as e:
                await deferLater(reactor, min(e.retry_after_ms, 100) / 1000)

    def some_chain(self) -> list[Transfer]:
        """Payments, holds, posts, voids, chains, repeats and mistakes."""
        count = self.chance.choice((1, 2, 30))
        chain = [one for _ in range(count) for one in self._some_transfers()]
        # A repeat that must not be asked for is none: then it is a payment.
        return chain or [self._pay(100)]

    def _some_transfers(self) -> list[Transfer]:
        kind = self.chance.random()
        if kind < 0.5:
            return [self._pay(5 * 10**8 if kind < 0.02 else 100)]
        if kind < 0.7:
            timeout_ms = self.chance.choice((0, 1, 300))
            hold = self._pay(100, flags=TransferFlag.PENDING, timeout_ms=timeout_ms)
            self.holds = [*self.holds[-60:], hold.id]
            return [hold]
        if kind < 0.85 and self.holds:
            flag = TransferFlag.POST if kind < 0.8 else TransferFlag.VOID
            hold_id = self.chance.choice(self.holds)
            return [Transfer(new_id(), flags=int(flag), pending_id=hold_id)]
        if kind < 0.95 or not self.past:
            linked = int(TransferFlag.LINKED)
            return [*(self._pay(100, flags=linked) for _ in range(3)), self._pay(100)]
        # Not a member of a chain: nobody sends one without the others.
        past = self.chance.choice(self.past)
        return [past] if not past.flags & TransferFlag.LINKED else []

    def _pay(self, most: int, flags: int = 0, timeout_ms: int = 0) -> Transfer:
        payer, payee = self.chance.sample(PEOPLE, 2)
        amount = self.chance.randrange(1, most)
        return Transfer(new_id(), payer, payee, amount, 1, 1, int(flags), timeout_ms=timeout_ms)


def new_id() -> str:
    """A fresh id; never one of a seed, which another process may have taken."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def stop_before_a_block() -> None:
    """Stop this process as it is about to keep a block."""
    keep = PostgresLedger.commit

    def commit(store: PostgresLedger, *args: Any) -> None:
        PostgresLedger.commit = keep  # type: ignore[method-assign]  # once
        os.kill(os.getpid(), signal.SIGSTOP)
        keep(store, *args)

    PostgresLedger.commit = commit  # type: ignore[method-assign,assignment]  # once


def stop_after_the_copy() -> None:
    """Stop this process in the transaction of a block whose rows are there, not yet finished."""
    keep = PostgresLedger.commit
    copies.CALLED_MAX = 0  # type: ignore[misc]  # also of a small block

    def stopping(before: Iterable[Copy]) -> Iterator[Copy]:
        yield from before
        os.kill(os.getpid(), signal.SIGSTOP)

    def commit(store: PostgresLedger, block: Block, riders: Any, _: Any) -> None:
        PostgresLedger.commit = keep  # type: ignore[method-assign]  # once
        sending = sending_of(block)
        keep(store, block, riders, sending._replace(copies=stopping(sending.copies)))

    PostgresLedger.commit = commit  # type: ignore[method-assign,assignment]  # once


async def stop_inside(load: Load) -> None:
    """Stop this process in the transaction of a block, which the database has agreed to."""
    stops = [signal.SIGSTOP]

    def rider(*_: object) -> None:
        if stops:
            os.kill(os.getpid(), stops.pop())

    await load.answer(Work([load._pay(100)], rider))


async def main(dsn: str, journal_path: str, seed: str, stop: str = "") -> None:
    """Ask again what has no answer, then go on with new requests."""
    module.STALL_MS = STALL_MS  # type: ignore[misc]  # the tests' own
    module.STAND_BY_MS = 100  # type: ignore[misc]
    shift.HEARTBEAT_MS = HEARTBEAT_MS  # type: ignore[misc]
    writer = Writer(dsn, reactor)
    load = Load(writer, journal := Journal(Path(journal_path)), random.Random(seed))  # noqa: S311 -- repeatable
    writer.start()
    while not writer.is_leading:
        await deferLater(reactor, 0.02)
    for number in journal.asked.keys() - journal.answered.keys():
        results = await load.answer(Work(journal.asked[number]))
        journal.write("got", number, [int(one) for one in results])
    if stop == "before":
        stop_before_a_block()
    elif stop == "copied":
        stop_after_the_copy()
    elif stop == "inside":
        await stop_inside(load)
    await gatherResults([Deferred.fromCoroutine(load.call()) for _ in range(CALLERS)])


if __name__ == "__main__":
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(main(*sys.argv[1:])))
    reactor.run()
