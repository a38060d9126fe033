"""A process whose clock is wrong neither puts off nor hurries what others do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.support import ticker
from tests.support.long import many
from tests.support.processes import wait_until
from tests.support.services import house

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.services import House

HOUR_S: Final = 3600
NEAR_MS: Final = 60_000
"""Farther from now nothing is due, however slow this machine is."""
TICKS: Final = many(ordinary=3, long=5)
TICKS_S_MAX: Final = 60

pytestmark = [pytest.mark.synapse, pytest.mark.postgres, pytest.mark.timeout(900)]


def tick(town: House) -> int:
    """The tick that is next; it is due soon."""
    # One that is being done has a lease.
    found = town.query(
        "SELECT (payload ->> 'number')::int, CASE WHEN worker IS NULL THEN"
        " due_at_ms - (extract(epoch FROM clock_timestamp()) * 1000)::bigint ELSE 0 END"
        " FROM runtime.errand WHERE kind = %s",
        ticker.TICK,
    )
    [(number, due_in_ms)] = found
    assert isinstance(number, int)
    assert isinstance(due_in_ms, int)
    assert abs(due_in_ms) < NEAR_MS
    return number


def see_ticks(town: House) -> None:
    until = tick(town) + TICKS
    wait_until(lambda: tick(town) >= until, TICKS_S_MAX, "it does not tick")


@pytest.mark.parametrize("ahead_s", [HOUR_S, pytest.param(-HOUR_S, marks=pytest.mark.long)])
def test_an_errand_comes_back_in_time_though_the_clock_of_one_process_is_wrong(
    tmp_path: Path, ahead_s: int
) -> None:
    with house(
        tmp_path,
        program=ticker.PROGRAM,
        sections=ticker.SECTIONS,
        migrations=ticker.MIGRATIONS,
        replicas=2,
    ) as town:
        town.stop(1)
        town.replicas[1].environment = {ticker.AHEAD: str(ahead_s)}
        town.start(1)
        see_ticks(town)
        town.kill(0)
        see_ticks(town)
        town.launch(0)
        town.kill(1)
        town.wait_until_ready(0)
        see_ticks(town)

        # By how much is told to a tenth of a second, and a trip may take longer here.
        assert "the clock of this machine is " in town.replicas[1].log()
