"""The payments service, whole, in worlds from seeds, in which everything goes wrong that can.

Its processes are as they are wired at start, on a real PostgreSQL; clock, network and threads are
made up. They are killed between any two steps, before a transaction and right after its commit;
they are stopped and go on; their clocks are wrong. Pushes of the homeserver are lost, come twice
and in another order, connections break before and after what was asked arrived, the bank answers
late, twice and wrongly. ``./run test --long`` makes many worlds, ``VECHE_SEED=N`` makes one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from tests.simulation.whole.world import World
from tests.support.long import seeds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.postgres

LONG = 2_000
SHORT = 1
"""One world of one institution, and one of two."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def told(made: World) -> str:
    """What went wrong, and how to see it again."""
    command = f"VECHE_SEED={made.seed} pytest tests/simulation/test_whole.py -k end"
    return "\n".join([*made.problems, f"again by: {command}", *made.history[-60:]])


@pytest.mark.parametrize("seed", seeds(ordinary=SHORT, long=LONG))
def test_whatever_goes_wrong_everything_comes_to_its_one_end(seed: int, tmp_path: Path) -> None:
    with World.made(seed, tmp_path) as world:
        world.run()

        assert not world.problems, told(world)
        assert sum(person.receipts.total() for person in world.persons) > 0


@pytest.mark.long
def test_a_seed_makes_the_same_world_again_though_the_database_is_real(tmp_path: Path) -> None:
    histories = []
    for name in ("first", "again"):
        (folder := tmp_path / name).mkdir()
        with World.made(1, folder) as world:
            world.run()
            histories.append(world.history)

            assert not world.problems, told(world)

    assert histories[0] == histories[1]
