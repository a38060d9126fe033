"""How a host is started and stopped, on a reactor of its own in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP_S_MAX = 30.0
PROGRAM = """
import sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from veche.cli import serve
from veche.protocol.errors import ConfigError
from veche.runtime import log

def say(word):
    print(word, flush=True)

class Host:
    async def start(self):
        say("starting")
        {start}
        say("started")

    async def stop(self):
        say("stopping")
        {stop}
        say("stopped")

log.set_up("INFO", "text")
serve.STOP_S_MAX = 1.0
running = serve.Running(Host(), reactor)
running.run()
sys.exit(running.exit_code)
"""

Process = subprocess.Popen[str]


def launch(start: str = "pass", stop: str = "pass") -> Process:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(start=start, stop=stop)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """What the test launched, ended whatever happens."""
    launched: list[Process] = []
    yield launched
    for process in launched:
        process.kill()
        process.communicate()


def until(process: Process, word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"{word} never came")


def rest(process: Process) -> tuple[list[str], str]:
    out, err = process.communicate(timeout=STOP_S_MAX)
    return out.split(), err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_host_in_order(processes: list[Process], number: int) -> None:
    process = launch()
    processes.append(process)
    until(process, "started")
    process.send_signal(number)
    assert rest(process)[0] == ["stopping", "stopped"]
    assert process.returncode == 0


def test_a_second_signal_changes_nothing(processes: list[Process]) -> None:
    process = launch(stop="await deferLater(reactor, 0.3)")
    processes.append(process)
    until(process, "started")
    process.terminate()
    until(process, "stopping")
    process.terminate()
    assert rest(process)[0] == ["stopped"]
    assert process.returncode == 0


def test_a_start_that_fails_is_a_line_and_1(processes: list[Process]) -> None:
    process = launch(start="raise ConfigError('no such room')")
    processes.append(process)
    out, err = rest(process)
    assert out == ["starting", "stopping", "stopped"]
    assert "veche run: no such room\n" in err
    assert "Traceback" not in err
    assert process.returncode == 1


def test_a_bug_in_the_start_has_its_traceback(processes: list[Process]) -> None:
    process = launch(start="1 / 0")
    processes.append(process)
    out, err = rest(process)
    assert out == ["starting", "stopping", "stopped"]
    assert "ZeroDivisionError" in err
    assert process.returncode == 1


def test_a_signal_during_the_start_ends_it(processes: list[Process]) -> None:
    process = launch(start="await Deferred()")
    processes.append(process)
    until(process, "starting")
    process.terminate()
    out, err = rest(process)
    assert out == ["stopping", "stopped"]
    assert "Traceback" not in err
    assert process.returncode == 0


def test_a_stop_that_never_ends_is_given_up(processes: list[Process]) -> None:
    process = launch(stop="await Deferred()")
    processes.append(process)
    until(process, "started")
    started = time.monotonic()
    process.terminate()
    out, err = rest(process)
    assert out == ["stopping"]
    assert "TimeoutError" in err
    assert 0.9 < time.monotonic() - started < STOP_S_MAX


def test_a_stop_that_fails_still_ends_the_process(processes: list[Process]) -> None:
    process = launch(stop="1 / 0")
    processes.append(process)
    until(process, "started")
    process.terminate()
    _, err = rest(process)
    assert "ZeroDivisionError" in err
