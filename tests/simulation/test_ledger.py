"""The ledger's writer in worlds from seeds, in which everything goes wrong that can.

Messages are dropped, doubled, late; processes are killed, stopped and go on; clocks are wrong by a
day; sessions are lost before and right after a commit; the lock is lost unawares. In some worlds
there is a bank, which has bad habits, in others a town that uses the payments service.
``./run test --long`` makes thousands of worlds, ``VECHE_SEED=N`` makes one.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from appservices.payments.ledger.core.replay import replay
from appservices.payments.ledger.core.values import Names
from appservices.payments.ledger.service import shift, writer
from appservices.payments.ledger.store.memory_ledger import MemoryLedger
from tests.integration.appservices.payments.ledgers import ledger, problems
from tests.simulation.world import World
from tests.support.long import seeds
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.ledger.core.port import LedgerStore
    from appservices.payments.ledger.core.values import Known

LONG = 3_000
SHORT = 20
PIPELINE_FROM = 3
"""So that blocks are decided while others are committed, though few wait."""
FOUND_WITHIN = 40
"""In so many worlds at most a mistake that was made on purpose has to show."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shift, "PIPELINE_FROM", PIPELINE_FROM)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def world(seed: int, ledger: MemoryLedger | None = None) -> World:
    """A world that has happened."""
    made = World(seed, ledger)
    made.run()
    return made


def told(made: World, seed: int) -> str:
    """What went wrong, and how to see it again."""
    command = f"VECHE_SEED={seed} pytest tests/simulation/test_ledger.py -k lost"
    return "\n".join([*made.problems, f"again by: {command}", *made.history[-40:]])


@pytest.mark.parametrize("seed", seeds(ordinary=SHORT, long=LONG))
def test_nothing_is_lost_and_nothing_is_done_twice(seed: int) -> None:
    made = world(seed)

    assert not made.problems, told(made, seed)
    assert made.database.blocks


def test_a_seed_makes_the_same_world_again() -> None:
    first, again, other = world(1), world(1), world(2)

    assert first.history == again.history
    assert first.digest == again.digest != other.digest


@pytest.mark.long
def test_a_seed_makes_the_same_world_in_any_process() -> None:
    code = (
        "from appservices.payments.ledger.service import shift;"
        " from tests.simulation.world import World;"
        f" shift.PIPELINE_FROM = {PIPELINE_FROM}; made = World(3); made.run(); print(made.digest)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }

    assert found == {world(3).digest}


@pytest.mark.postgres
@pytest.mark.parametrize("seed", [1, 3])
def test_postgres_keeps_all_that_a_world_kept(seed: int) -> None:
    made = world(seed)
    kept = made.database.ledger

    with ledger() as (dsn, postgres):
        store: Any = postgres
        assert replay(made.database.blocks, store) == len(made.database.blocks)
        assert accounts(store, kept) == accounts(kept, kept)
        assert store.holds() == kept.holds()
        assert problems(dsn) == []


def accounts(store: LedgerStore[Any], of: MemoryLedger) -> list[tuple[int, object, object]]:
    """Numbers, allowances with flags, and sums; the salts are with the events alone."""
    found = store.look_up(Names(accounts=sorted(of.accounts))).accounts
    return [(n, one.account[3:5], one.sums) for n, one in sorted(found.items())]


class Forgetful(MemoryLedger):
    """A mistake: it does not find ids that were burned."""

    def look_up(self, names: Names) -> Known:
        return super().look_up(names)._replace(burned={})


class Blind(MemoryLedger):
    """A mistake: it does not find transfers that are there."""

    def look_up(self, names: Names) -> Known:
        return super().look_up(names)._replace(rows={})


@pytest.mark.parametrize("mistake", [Forgetful, Blind])
def test_a_mistake_that_was_made_on_purpose_is_found(mistake: Any) -> None:
    for seed in range(FOUND_WITHIN):
        if world(seed, mistake()).problems:
            return

    pytest.fail(f"{mistake.__name__} is not found")


class Heedless(shift.Shift):
    """A mistake: it tries a block though the one that it was decided on top of was not kept."""

    _is_stuck = property(lambda _: False, lambda _self, _value: None)


def test_a_block_that_is_tried_after_one_that_failed_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "Shift", Heedless)

    assert any(world(seed).problems for seed in range(FOUND_WITHIN))
