"""The ledger in processes that are killed and stopped at random: nothing lost, nothing twice.

``./run test --long`` kills fifty times instead of a few, and stops at one more moment.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from appservices.payments.ledger.core import Account, Result
from appservices.payments.ledger.core.results import BURNING
from tests.integration.appservices.payments.ledger_load import PEOPLE, Journal
from tests.integration.appservices.payments.ledgers import PAYMENTS, opened, problems, sql
from tests.support.ledger import EUR, Shard, transfer
from tests.support.long import many, some
from tests.support.postgres import lay_data
from tests.support.processes import ROOT, Child, wait_until
from veche.runtime.database.embedded import EmbeddedPostgres
from veche.runtime.database.migrate import KERNEL_SETS, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.postgres

WAIT_S_MAX = 120
KILLS = many(ordinary=4, long=50)
MOMENTS = some(["inside", "before", "copied"], ordinary=1)
MODULE = "tests.integration.appservices.payments.ledger_load"
SOURCE = 100
ASKED_AGAIN_MAX = 200


@attrs.define
class Town:
    """A server of its own, which keeps what it has acknowledged, and processes of the ledger."""

    server: EmbeddedPostgres
    dsn: str
    folder: Path
    children: list[Child] = attrs.field(factory=list)

    def child(self, name: str, *words: str) -> Child:
        """One more process, started."""
        command = [sys.executable, "-m", MODULE, self.dsn, str(self.folder / f"{name}.jsonl")]
        child = Child([*command, name, *words], ROOT, self.folder / f"{name}.log")
        child.start()
        self.children.append(child)
        return child

    def journal(self, name: str) -> Journal:
        """What a process was told so far."""
        return Journal(self.folder / f"{name}.jsonl")

    def answer_count(self, name: str) -> int:
        """How many answers a process was told so far."""
        path = self.folder / f"{name}.jsonl"
        return path.read_text().count('["got"') if path.exists() else 0

    def wait_for_answers(self, child: Child, name: str, more: int = 3) -> None:
        """Return once a process has been told some more."""
        before = self.answer_count(name)
        child.wait_for(lambda: self.answer_count(name) >= before + more, WAIT_S_MAX, "no answers")

    def check(self, *names: str) -> None:
        """Everything acknowledged is there, nothing is twice, and every rule holds."""
        for child in self.children:
            child.kill()
        # What was sent last may still be committed.
        busy = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ledger-%'"
        wait_until(lambda: not sql(self.dsn, busy), WAIT_S_MAX, "sessions of the dead")
        assert problems(self.dsn) == []
        kept = {
            str(id_).replace("-", "") for (id_,) in sql(self.dsn, "SELECT id FROM ledger.transfer")
        }
        burned = {
            str(id_).replace("-", "") for (id_,) in sql(self.dsn, "SELECT id FROM ledger.burned")
        }
        for name in names:
            journal = self.journal(name)
            assert journal.answered
            for number, results in journal.answered.items():
                for one, result in zip(journal.asked[number], results, strict=True):
                    assert result is not Result.CREATED or one.id in kept
                    assert result not in BURNING or one.id in burned
            self._ask_again(journal)
        assert problems(self.dsn) == []

    def _ask_again(self, journal: Journal) -> None:
        count = "SELECT count(*) FROM ledger.transfer WHERE flags & 512 = 0"
        with opened(self.dsn) as store:
            shard = Shard(store, now_ms=time.time_ns() // 1_000_000)
            for number in journal.asked.keys() - journal.answered.keys():
                shard.ask(*journal.asked[number])
            before = sql(self.dsn, count)
            for chain in list(journal.asked.values())[-ASKED_AGAIN_MAX:]:
                assert Result.CREATED not in shard.ask(*chain)
        assert sql(self.dsn, count) == before


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    lay_data(folder / "server")
    with EmbeddedPostgres(folder / "server") as server:
        dsn = server.create_database("ledger")
        migrate(dsn, [*KERNEL_SETS, PAYMENTS])
        with opened(dsn) as store:
            shard = Shard(store)
            shard.open(
                Account(SOURCE, EUR, 3, salt=f"{SOURCE:020x}"),
                *(Account(n, EUR, 1, 1, salt=f"{n:020x}") for n in PEOPLE[:-1]),
            )
            shard.ask(*(transfer(SOURCE, n, 10**7) for n in PEOPLE[:-1]))
        found = Town(server, dsn, folder)
        try:
            yield found
        finally:
            for child in found.children:
                child.kill()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("ledger")) as found:
        yield found


def let_it_run(chance: random.Random) -> None:
    """Die at any moment, not only right after an answer."""
    time.sleep(chance.random() * 0.3)


def test_what_was_acknowledged_outlives_killed_servers_and_writers(place: Town) -> None:
    names = ("one", "two")
    children = {name: place.child(name) for name in names}
    for seed in range(KILLS):
        chance = random.Random(seed)  # noqa: S311 -- repeatable
        leader = next_leader(place, children)
        let_it_run(chance)
        if seed % 2:
            pid = place.server.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: place.server.pid is None, WAIT_S_MAX, "PostgreSQL does not die")
            place.server.stop()
            place.server.start()
        else:
            children[leader].kill()
            children[leader].start()
    leader = next_leader(place, children)

    place.check(*(name for name in names if place.answer_count(name)))


def next_leader(place: Town, children: dict[str, Child]) -> str:
    """Who is told more answers from now on."""
    before = {name: place.answer_count(name) for name in children}

    def leaders() -> list[str]:
        return [n for n in children if place.answer_count(n) >= before[n] + 3]

    wait_until(lambda: bool(leaders()), WAIT_S_MAX, "nobody writes the ledger")
    return leaders()[0]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_writer_that_was_stopped_cannot_commit_after_the_take_over(
    place: Town, moment: str
) -> None:
    old = place.child(f"old-{moment}", moment)
    old.wait_for(lambda: is_stopped(old), WAIT_S_MAX, "it does not stop")

    new = place.child(f"new-{moment}")
    place.wait_for_answers(new, f"new-{moment}")
    os.kill(old.pid, signal.SIGCONT)
    # It finds its session ended, and stands by while the other goes on.
    place.wait_for_answers(new, f"new-{moment}")
    old.wait_for(lambda: "writing the ledger" in old.log(), WAIT_S_MAX, "it does not notice")
    place.wait_for_answers(new, f"new-{moment}")

    place.check(f"new-{moment}")


def is_stopped(child: Child) -> bool:
    with open(f"/proc/{child.pid}/stat") as file:  # noqa: PTH123
        stat: Any = file.read()
    return bool(stat.rsplit(")", 1)[1].split()[0] == "T")
