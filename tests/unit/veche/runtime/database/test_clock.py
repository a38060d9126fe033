"""Processes agree on the time, which is the database's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from veche.protocol.errors import UnavailableError
from veche.runtime.database.clock import LOOK_MS, SLACK_S, Reading, SharedClock, database_ms
from veche.runtime.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from veche.runtime.database import Cursor, Database


@attrs.define
class World:
    """True time, and clocks that follow it or not.

    Attributes:
        true_s: By the database.
        machine: The process's reactor, whose clock may be set.
        ticks_s: What nobody sets.
        trip_s: How long the database takes to answer.
        is_away: Whether it does not answer.
    """

    true_s: float = 1_000_000.0
    machine: Clock = attrs.field(factory=Clock)
    ticks_s: float = 5.0
    trip_s: float = 0.0
    is_away: bool = False
    count: int = 0

    def __attrs_post_init__(self) -> None:
        self.machine.rightNow = self.true_s

    def pass_s(self, seconds: float) -> None:
        self.true_s += seconds
        self.ticks_s += seconds
        self.machine.advance(seconds)

    # A cursor

    def execute(self, statement: str) -> None:
        assert "clock_timestamp" in statement
        self.pass_s(self.trip_s / 2)

    def fetchall(self) -> list[tuple[float]]:
        told_s = self.true_s
        self.pass_s(self.trip_s / 2)
        return [(told_s,)]

    # A database

    async def run(self, _name: str, work: Callable[..., Any], *args: Any) -> Any:
        if self.is_away:
            raise UnavailableError("away", retry_after_ms=1)
        self.count += 1
        return work(self, *args)

    def clock(self) -> SharedClock:
        return SharedClock(self.machine, lambda: self.ticks_s)


@pytest.fixture
def world() -> World:
    return World()


def follow(world: World, clock: SharedClock) -> None:
    tasks = Tasks(running_max=1)
    done = Deferred.fromCoroutine(clock.follow(cast("Database", world), tasks))
    failures: list[Any] = []
    done.addErrback(failures.append)
    if failures:
        failures[0].raiseException()


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0, 0.5])
def test_a_wrong_clock_is_put_right_at_the_start(world: World, ahead_s: float) -> None:
    world.machine.rightNow += ahead_s
    clock = world.clock()

    follow(world, clock)

    assert clock.seconds() == pytest.approx(world.true_s, abs=1e-6)


@pytest.mark.parametrize(("ahead_s", "is_left"), [(SLACK_S * 0.9, True), (SLACK_S * 1.1, False)])
def test_small_differences_are_left_alone(world: World, ahead_s: float, is_left: bool) -> None:
    world.machine.rightNow += ahead_s
    clock = world.clock()

    follow(world, clock)

    left_s = ahead_s if is_left else 0.0
    assert clock.seconds() - world.true_s == pytest.approx(left_s, abs=1e-6)


def test_a_slow_answer_does_not_put_a_right_clock_wrong(world: World) -> None:
    world.trip_s = 3.0
    clock = world.clock()

    follow(world, clock)

    assert clock.seconds() == pytest.approx(world.true_s, abs=1e-6)


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_a_clock_that_is_set_while_it_runs_changes_nothing(world: World, jump_s: float) -> None:
    clock = world.clock()
    follow(world, clock)

    world.machine.rightNow += jump_s
    assert clock.seconds() == pytest.approx(world.true_s, abs=1e-6)


def test_it_follows_the_database_again_and_again(world: World) -> None:
    clock = world.clock()
    follow(world, clock)

    world.true_s += 50.0  # somebody has set the database's clock
    world.pass_s(LOOK_MS / 1000)

    assert world.count == 2
    assert clock.seconds() == pytest.approx(world.true_s, abs=1e-6)


def test_it_goes_on_while_the_database_is_away(world: World) -> None:
    clock = world.clock()
    follow(world, clock)
    world.is_away = True
    world.pass_s(LOOK_MS / 1000)
    world.pass_s(LOOK_MS / 1000)
    assert clock.seconds() == pytest.approx(world.true_s, abs=1e-6)

    world.is_away = False
    world.pass_s(LOOK_MS / 1000)

    assert world.count == 2


def test_without_the_database_it_does_not_start(world: World) -> None:
    world.is_away = True
    with pytest.raises(UnavailableError):
        follow(world, world.clock())


@pytest.mark.parametrize(("ahead_s", "said"), [(90.0, "90.0 s ahead of"), (-2.5, "2.5 s behind")])
def test_a_wrong_clock_of_the_machine_is_told_once(
    world: World, caplog: pytest.LogCaptureFixture, ahead_s: float, said: str
) -> None:
    caplog.set_level(logging.WARNING)
    world.machine.rightNow += ahead_s
    follow(world, world.clock())
    for _ in range(3):
        world.pass_s(LOOK_MS / 1000)

    (record,) = caplog.records
    assert record.getMessage().startswith(f"the clock of this machine is {said} the database's")


def test_all_else_is_the_reactors(world: World) -> None:
    called: list[int] = []
    world.clock().callLater(3, called.append, 1)
    world.pass_s(2.9)
    assert called == []

    world.pass_s(0.2)

    assert called == [1]


def test_a_reading_knows_how_far_a_clock_is_ahead() -> None:
    reading = Reading(before_s=10.0, database_s=4.0, after_s=12.0)

    assert reading.ahead_s() == 7.0
    assert not reading.is_right()


def test_a_command_writes_the_time_of_the_database(world: World) -> None:
    assert database_ms(cast("Cursor", world)) == int(world.true_s * 1000)
