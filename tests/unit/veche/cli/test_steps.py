from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import pytest

from veche.cli.up.steps import BlockedError, Step, Steps
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 120


def ended(step: Step) -> Step:
    assert step.join(WAIT_S)
    return step


def raiser(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_a_step_waits_for_those_before_it() -> None:
    steps = Steps(list[str]().append)
    gate, order = threading.Event(), list[str]()

    def first_work() -> None:
        gate.wait(WAIT_S)
        order.append("first")

    first = steps.take("first", first_work)
    second = steps.take("second", lambda: order.append("second"), first)
    assert not second.join(0)
    gate.set()

    ended(second)
    assert order == ["first", "second"]


def test_steps_that_need_not_wait_run_at_the_same_time() -> None:
    steps = Steps(list[str]().append)
    both = threading.Barrier(2, timeout=WAIT_S)

    one = steps.take("one", both.wait)
    two = steps.take("two", both.wait)

    assert ended(one).error is None
    assert ended(two).error is None


def test_each_step_is_told_once_with_its_seconds() -> None:
    lines: list[str] = []
    steps = Steps(lines.append)
    ended(steps.take("database", lambda: None))

    assert steps.have_ended()
    assert steps.have_ended()
    [line] = lines
    assert re.fullmatch(r"  database {8,9}\d+\.\d s", line)


def test_steps_that_still_run_are_not_told() -> None:
    lines: list[str] = []
    steps = Steps(lines.append)
    gate = threading.Event()
    step = steps.take("slow", lambda: gate.wait(WAIT_S))

    assert not steps.have_ended()
    assert lines == []
    gate.set()
    ended(step)


def test_the_error_of_a_step_is_raised_as_it_is() -> None:
    steps = Steps(list[str]().append)
    ended(steps.take("database", raiser(ConfigError("the disk is full"))))

    with pytest.raises(ConfigError, match="the disk is full"):
        steps.have_ended()


def test_a_step_after_a_failed_one_is_not_taken_and_not_blamed() -> None:
    steps = Steps(list[str]().append)
    calls: list[str] = []
    first = steps.take("first", raiser(ConfigError("no")))
    last = steps.take("second", lambda: calls.append("second"), first)
    last = steps.take("third", lambda: calls.append("third"), last)

    assert isinstance(ended(last).error, BlockedError)
    assert calls == []
    with pytest.raises(ConfigError, match="no"):
        steps.have_ended()
