"""How a host is started and stopped, on a reactor of its own in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import ROOT, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP_S_MAX = 120.0
"""Only a process that never ends takes so long; a busy machine does not."""
PROGRAM = """
import signal
import sys
import threading
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from veche.cli import serve
from veche.protocol.errors import ConfigError
from veche.runtime import log

def say(word):
    print(word, flush=True)

def have_another_thread_take_signals():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

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
say("nobody is woken" if signal.set_wakeup_fd(-1) == -1 else "somebody is woken")
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


def is_asleep(pid: int) -> bool:
    """Whether the main thread of a process waits for something."""
    stat = Path(f"/proc/{pid}/task/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "S"


def rest(process: Process) -> tuple[list[str], str]:
    out, err = process.communicate(timeout=STOP_S_MAX)
    *lines, last = out.splitlines()
    # The pipe is closed by now: a signal that comes after the reactor must not write to it.
    assert last == "nobody is woken"
    return lines, err


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGINT]
)
def test_a_signal_stops_the_host_in_order(processes: list[Process], number: int) -> None:
    process = launch()
    processes.append(process)
    until(process, "started")
    process.send_signal(number)
    assert rest(process)[0] == ["stopping", "stopped"]
    assert process.returncode == 0


def test_a_signal_that_interrupts_nothing_wakes_the_reactor(processes: list[Process]) -> None:
    # As one that comes between the interpreter's look and the sleep in epoll_wait, only that this
    # one does so each time: the thread that runs Python's handler is not the one interrupted.
    process = launch(start="have_another_thread_take_signals()")
    processes.append(process)
    until(process, "started")
    wait_until(lambda: is_asleep(process.pid), STOP_S_MAX, "the reactor does not sleep")
    process.terminate()
    assert rest(process)[0] == ["stopping", "stopped"]
    assert process.returncode == 0


def test_many_signals_wake_it_as_well_as_one(processes: list[Process]) -> None:
    process = launch(stop="await deferLater(reactor, 0.3)")
    processes.append(process)
    until(process, "started")
    for _ in range(10_000):  # more than the pipe holds, if it were not read
        process.terminate()
    assert rest(process)[0] == ["stopping", "stopped"]
    assert process.returncode == 0


def test_memory_is_laid_for_long_after_the_start(processes: list[Process]) -> None:
    process = launch(start="serve.SETTLE_AFTER_S = 0.0")
    processes.append(process)
    assert process.stderr is not None
    logged = next(line for line in process.stderr if "large pages" in line)
    process.terminate()
    assert "veche.runtime.memory" in logged
    assert rest(process)[0] == ["starting", "started", "stopping", "stopped"]


@pytest.mark.long
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
