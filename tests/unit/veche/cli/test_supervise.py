from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veche.cli.processes.child import OUTPUT_LINES_MAX, how, tail
from veche.cli.processes.guard import end_when_alone, signal_group
from veche.cli.processes.supervise import (
    BACKOFF_S_MAX,
    HEALTHY_S,
    RESTARTS_MAX,
    Backoff,
    ChildEndedError,
    StoppedError,
    Supervisor,
)

if TYPE_CHECKING:
    from pathlib import Path

NO_PROCESS = 2**22 + 1
"""Above Linux's largest process id."""


def nobody_listens(line: str) -> None:
    raise AssertionError(f"unexpected: {line}")


def test_a_child_that_was_well_is_started_again_almost_at_once() -> None:
    backoff = Backoff()

    waits = [backoff.next_s(HEALTHY_S) for _ in range(RESTARTS_MAX * 3)]

    assert waits == [0.5] * (RESTARTS_MAX * 3)


def test_a_child_that_dies_young_waits_twice_as_long_each_time() -> None:
    backoff = Backoff()

    assert [backoff.next_s(0.1) for _ in range(4)] == [0.5, 1, 2, 4]


def test_the_last_restart_is_the_one_at_the_bound() -> None:
    backoff = Backoff()

    waits = [backoff.next_s(HEALTHY_S - 1) for _ in range(RESTARTS_MAX + 1)]

    assert waits[RESTARTS_MAX - 1] == BACKOFF_S_MAX
    assert waits[RESTARTS_MAX] is None


def test_one_healthy_run_forgets_the_failures_before() -> None:
    backoff = Backoff()
    for _ in range(RESTARTS_MAX):
        backoff.next_s(0)

    assert backoff.next_s(HEALTHY_S) == 0.5
    assert backoff.failures == 0


@given(st.lists(st.floats(0, 2 * HEALTHY_S), max_size=50))
def test_no_wait_is_negative_or_over_the_bound(runs_s: list[float]) -> None:
    backoff = Backoff()

    waits = [backoff.next_s(ran_s) for ran_s in runs_s]

    assert all(wait is None or 0 < wait <= BACKOFF_S_MAX for wait in waits)


def test_an_exit_is_told_in_words() -> None:
    assert how(3) == "code 3"
    assert how(-signal.SIGKILL) == "signal SIGKILL"


def test_no_more_lines_are_shown_than_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [f"line {number}" for number in range(OUTPUT_LINES_MAX + 1)]
    path.write_text("\n".join(lines))

    assert tail(path).splitlines() == lines[1:]


def test_lines_of_an_earlier_child_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old\nnew\n")

    assert tail(path, start=len("old\n")) == "new"


def test_bytes_that_are_no_text_are_shown_somehow(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\xfe broken\n")

    assert tail(path).endswith(" broken")


def test_a_huge_log_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: reading it would take hours
        stream.seek(0, 2)
        stream.write(b"\nlast")

    assert tail(path, 1) == "last"


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert tail(tmp_path / "log") == ""


def test_signalling_a_group_that_is_gone_does_nothing() -> None:
    assert not signal_group(NO_PROCESS, signal.SIGKILL)


def test_the_guard_ends_at_once_when_nothing_is_left(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text("not a number\n")

    end_when_alone(
        [
            f"watch {NO_PROCESS}\n",
            f"forget {NO_PROCESS}\n",
            f"forget {NO_PROCESS}\n",
            f"file {pid_file}\n",
            f"file {tmp_path / 'missing'}\n",
        ],
        timeout_s=0,
    )


def test_a_file_that_names_a_process_elsewhere_ends_nobody(tmp_path: Path) -> None:
    # Process ids come back: this one is the test itself, which works in another folder.
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n")

    end_when_alone([f"file {tmp_path / 'postmaster.pid'}\n"], timeout_s=0)


def test_a_signal_stops_the_wait() -> None:
    supervisor = Supervisor(nobody_listens)
    supervisor.ask(signal.SIGTERM)

    with pytest.raises(StoppedError, match="SIGTERM"):
        supervisor.wait()


def test_the_end_of_a_needed_process_is_told_with_its_last_words() -> None:
    supervisor = Supervisor(nobody_listens)
    supervisor.need(lambda: None, lambda code: f"never {code}")
    supervisor.need(lambda: 7, lambda code: f"ended with {code}: no space left on device")

    with pytest.raises(ChildEndedError, match="ended with 7: no space left"):
        supervisor.check()


def test_a_signal_comes_before_the_deaths_that_it_caused() -> None:
    # Ctrl-C in some terminals reaches the children too.
    supervisor = Supervisor(nobody_listens)
    supervisor.need(lambda: -2, str)
    supervisor.ask(signal.SIGINT)

    with pytest.raises(StoppedError):
        supervisor.check()


def test_the_wait_ends_when_what_it_waits_for_is_there() -> None:
    Supervisor(nobody_listens).wait(lambda: True)
