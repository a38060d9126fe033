"""Real child processes; what a process is asked in its last moments cannot be faked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import ROOT, wait_until
from veche.cli.processes.child import OUTPUT_BYTES_MAX, Child
from veche.cli.processes.guard import Guard
from veche.cli.processes.supervise import RESTARTS_MAX, ChildEndedError, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT_S = 120
SLEEP = ("sleep", "600")
STUBBORN = ("sh", "-c", "trap '' TERM INT; echo ready; while :; do sleep 0.1; done")


def runs(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(*pids: int) -> Callable[[], bool]:
    return lambda: not any(runs(pid) for pid in pids)


def numbers_in(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


@pytest.fixture
def guard() -> Iterator[Guard]:
    one = Guard()
    yield one
    one.close()


def test_the_output_of_a_child_is_in_its_file(tmp_path: Path) -> None:
    child = Child("echo", ["sh", "-c", "echo out; echo err >&2"], output=tmp_path / "a" / "log")

    assert child.wait(WAIT_S) == 0
    assert (tmp_path / "a" / "log").read_text() == "out\nerr\n"


def test_an_earlier_output_is_kept_and_not_shown_as_the_childs_own(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    child = Child("echo", ["echo", "now"], output=tmp_path / "log")
    child.wait(WAIT_S)

    assert (tmp_path / "log").read_text() == "before\nnow\n"
    assert child.last_lines() == "now"


def test_an_output_that_grew_too_large_is_put_aside(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        stream.truncate(OUTPUT_BYTES_MAX + 1)
    Child("echo", ["echo", "now"], output=tmp_path / "log").wait(WAIT_S)

    assert (tmp_path / "log").read_text() == "now\n"
    assert (tmp_path / "log.old").stat().st_size == OUTPUT_BYTES_MAX + 1


def test_a_child_runs_in_the_environment_it_is_given(tmp_path: Path, guard: Guard) -> None:
    for number, its_guard in enumerate((None, guard)):
        child = Child(
            "env",
            ["sh", "-c", 'echo "$WORD $1 $0"; cat', "a b", "*"],
            output=tmp_path / f"{number}",
            environment={"WORD": "x y"},
            guard=its_guard,
        )
        # `cat` ends since there is no input, neither the terminal nor the guard's pipe.
        assert child.wait(WAIT_S) == 0
        assert child.last_lines() == "x y * a b"


def test_stopping_asks_before_it_kills(tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    child = Child("polite", ["sh", "-c", script], output=tmp_path / "log")
    wait_until(lambda: "ready" in child.last_lines(), WAIT_S, "it is not ready")

    assert child.stop() == 5
    assert child.last_lines().endswith("bye")


def test_what_does_not_stop_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! >{tmp_path}/pid; trap '' TERM; echo ready; wait; wait"
    child = Child("stubborn", ["sh", "-c", script], output=tmp_path / "log")
    wait_until(lambda: "ready" in child.last_lines(), WAIT_S, "it is not ready")
    (grandchild,) = numbers_in(tmp_path / "pid")

    assert child.stop(0.3) == -signal.SIGKILL
    wait_until(gone(grandchild), WAIT_S, "the grandchild lives on")


def test_stopping_twice_is_once(tmp_path: Path) -> None:
    child = Child("sleep", SLEEP, output=tmp_path / "log")

    assert child.stop() == -signal.SIGTERM
    assert child.stop() == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_the_memory_of_a_child_is_known_while_it_runs(tmp_path: Path) -> None:
    script = "import sys; keep = b'x' * (64 << 20); print('ready', flush=True); sys.stdin.read()"
    child = Child(
        "large",
        [sys.executable, "-c", f"{script}; import time; time.sleep(600)"],
        output=tmp_path / "log",
    )
    wait_until(lambda: "ready" in child.last_lines(), WAIT_S, "it is not ready")

    assert 64 << 20 < child.resident_bytes() < 128 << 20
    child.stop()
    assert child.resident_bytes() == 0


def test_waiting_for_a_child_that_goes_on_ends_in_time(tmp_path: Path) -> None:
    child = Child("sleep", SLEEP, output=tmp_path / "log")

    with pytest.raises(TimeoutError, match="sleep still runs"):
        child.wait(0.05)
    child.stop()


# The parent of these is killed; what it started must be gone soon after.
PARENT = """
import sys, subprocess, time
from pathlib import Path
from veche.cli.processes.child import Child
from veche.cli.processes.guard import Guard
folder = Path(sys.argv[1])
guard = Guard()
polite = Child("polite", ["sleep", "600"], output=folder / "polite", guard=guard)
stubborn = Child("stubborn", {stubborn!r}, output=folder / "stubborn", guard=guard)
ended = Child("ended", ["true"], output=folder / "ended", guard=guard)
ended.stop()
while "ready" not in stubborn.last_lines():
    time.sleep(0.01)
data = folder / "data"
data.mkdir()
guard.watch_file(data / "postmaster.pid")
named = subprocess.Popen(["sleep", "600"], cwd=data, start_new_session=True)
(data / "postmaster.pid").write_text(f"{{named.pid}}\\nmore\\n")
(folder / "pids.new").write_text(f"{{polite.pid}} {{stubborn.pid}} {{named.pid}} {{guard.pid}}")
(folder / "pids.new").rename(folder / "pids")
time.sleep(600)
"""


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_no_child_outlives_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(stubborn=list(STUBBORN)), str(tmp_path)], cwd=ROOT
    )
    wait_until((tmp_path / "pids").exists, WAIT_S, "the parent is not ready")
    pids = numbers_in(tmp_path / "pids")
    assert all(runs(pid) for pid in pids)

    parent.send_signal(number)
    parent.wait(WAIT_S)

    wait_until(gone(*pids), WAIT_S, "children live on")


def test_the_guard_outlives_signals_that_reach_everybody(tmp_path: Path) -> None:
    guard = Guard()
    child = Child("sleep", SLEEP, output=tmp_path / "log", guard=guard)
    wait_until(lambda: b"guard" in _command(guard.pid), WAIT_S, "the guard did not start")
    # It ignores them once its Python has started: when it has taken note of a child, that is.
    _until_it_watches(guard)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(guard.pid, number)

    guard.close()
    assert child.wait(WAIT_S) == -signal.SIGTERM


def test_a_child_that_was_stopped_is_not_the_guards_any_more(tmp_path: Path) -> None:
    guard = Guard()
    child = Child("sleep", SLEEP, output=tmp_path / "log", guard=guard)
    other = subprocess.Popen(SLEEP, start_new_session=True)
    guard.watch(other.pid)
    guard.forget(other.pid)
    child.stop()
    guard.close()

    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_dead_guard_is_no_reason_to_fail(tmp_path: Path) -> None:
    guard = Guard()
    os.kill(guard.pid, signal.SIGKILL)
    os.waitid(os.P_PID, guard.pid, os.WEXITED | os.WNOWAIT)

    guard.watch(1 << 21)
    child = Child("echo", ["echo", "works"], output=tmp_path / "log")
    assert child.wait(WAIT_S) == 0
    guard.close()


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    lines: list[str] = []
    supervisor = Supervisor(lines.append)
    starts: list[Child] = []

    def start() -> Child:
        starts.append(Child("services", SLEEP, output=tmp_path / "log"))
        return starts[-1]

    supervisor.keep(start(), start)
    os.kill(starts[0].pid, signal.SIGKILL)
    deadline = time.monotonic() + WAIT_S
    supervisor.wait(lambda: len(starts) == 2 or time.monotonic() > deadline)

    assert starts[1].exit_code() is None
    assert lines == [
        f"services: ended with signal SIGKILL; starting it again in 0.5 s ({tmp_path / 'log'})"
    ]
    supervisor.stop()
    assert starts[1].exit_code() == -signal.SIGTERM


def test_a_child_that_dies_too_often_ends_everything_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(list[str]().append)

    def start() -> Child:
        child = Child("services", ["sh", "-c", "echo broken; exit 3"], output=tmp_path / "log")
        child.wait(WAIT_S)
        return child

    supervisor.keep(start(), start)
    supervisor._kept[0].backoff.failures = RESTARTS_MAX

    with pytest.raises(ChildEndedError, match="code 3, too often in a row\nbroken"):
        supervisor.wait()
    supervisor.stop()


def test_children_are_stopped_at_the_same_time(tmp_path: Path) -> None:
    supervisor = Supervisor(list[str]().append)
    # Each ends once all three were asked: one after another, the first would never end.
    wait = "while [ $(ls asked* | wc -l) -lt 3 ]; do sleep 0.05; done"
    script = f"cd {tmp_path}; trap 'touch asked$$; {wait}; exit 0' TERM"
    script += "; echo ready; while :; do sleep 0.05; done"
    children = [Child("slow", ["sh", "-c", script], output=tmp_path / str(n)) for n in range(3)]
    for child in children:
        supervisor.keep(child, lambda child=child: child)  # type: ignore[misc]  # late binding
        wait_until(lambda child=child: "ready" in child.last_lines(), WAIT_S, "not ready")  # type: ignore[misc]  # late binding

    supervisor.stop(WAIT_S)

    assert [child.exit_code() for child in children] == [0, 0, 0]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _until_it_watches(guard: Guard) -> None:
    """Wait until the guard reads its pipe, which it does after it has set its signals."""

    def ignores() -> bool:
        status = Path(f"/proc/{guard.pid}/status").read_text()
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
        return bool(ignored >> (signal.SIGTERM - 1) & ignored >> (signal.SIGHUP - 1) & 1)

    wait_until(ignores, WAIT_S, "the guard did not set its signals")
