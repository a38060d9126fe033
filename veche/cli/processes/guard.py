"""Ends the children of a process that can no longer do it itself.

A parent that is killed cannot stop its children. So a second, tiny process, the *guard*, holds
the reading end of a pipe whose writing end only the parent has: when the pipe ends, so has the
parent, and the guard ends what is left. Unlike Linux's PR_SET_PDEATHSIG this works for children
that change their user, for those of any thread, and on other systems.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

STOP_TIMEOUT_S: Final = 4.0
"""How long a child may take to end by itself before it is killed."""

_POLL_S: Final = 0.05
# Tells the guard the process id before the program starts, so that no moment is left in which
# the parent could die and the child be unknown. The pipe is the standard input meanwhile.
LAUNCHER: Final = ("/bin/sh", "-c", 'echo "watch $$" >&0; exec "$@" </dev/null', "sh")
"""Goes before the command of a child whose standard input is the guard's pipe."""


class Guard:
    """Ends the children of this process once it is gone, however that came about."""

    def __init__(self, *, held: Collection[int] = ()) -> None:
        """Start it.

        Args:
            held: File descriptors open until it has ended all: locks of what children use.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-m", "veche.cli.processes.guard"],
            stdin=subprocess.PIPE,
            pass_fds=tuple(held),
            start_new_session=True,
        )
        self._pipe = cast("IO[bytes]", self._process.stdin)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def pipe(self) -> int:
        """The writing end of the pipe, for the launcher of a child."""
        return self._pipe.fileno()

    def watch(self, pid: int) -> None:
        """End this process too."""
        self._write(f"watch {pid}")

    def watch_file(self, path: Path) -> None:
        """End the process too whose id is in the first line of a file, if the file exists then.

        For a server that writes such a file by itself, PostgreSQL's ``postmaster.pid``: it is
        known from its first moment. Its working directory has to be the file's folder, which only
        Linux tells: elsewhere the process lives on, and the next start ends it.
        """
        self._write(f"file {path}")

    def forget(self, pid: int) -> None:
        """Leave alone a process that has ended: its id may become somebody else's."""
        self._write(f"forget {pid}")

    def close(self) -> None:
        """End what is still watched, and the guard; wait for it."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    def _write(self, line: str) -> None:
        # One write below PIPE_BUF: lines of several writers never mix. A guard that somebody
        # killed is no reason to fail; everything else works without.
        with contextlib.suppress(BrokenPipeError, ValueError):
            os.write(self.pipe, f"{line}\n".encode())


def signal_group(pid: int, number: int) -> bool:
    """Signal a child and all that it started; False if none of them is left."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        # macOS says the latter of a group of which only zombies are left.
        return False
    return True


def end_when_alone(lines: Iterable[str], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Read what to watch until the parent is gone, then end all of it.

    Args:
        lines: ``watch PID``, ``forget PID`` and ``file PATH``.
        timeout_s: How long to wait before what still runs is killed.
    """
    pids: set[int] = set()
    paths: set[Path] = set()
    for line in lines:
        verb, _, value = line.rstrip("\n").partition(" ")
        if verb == "watch":
            pids.add(int(value))
        elif verb == "forget":
            pids.discard(int(value))
        elif verb == "file":
            paths.add(Path(value))
    for pid in pids:
        signal_group(pid, signal.SIGTERM)
    pids |= {named for path in paths if (named := _end_named(path)) is not None}
    deadline = time.monotonic() + timeout_s
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for pid in pids:
        signal_group(pid, signal.SIGKILL)


def _end_named(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        pid = int(path.read_text().partition("\n")[0])
        if Path(f"/proc/{pid}/cwd").readlink() == path.parent.resolve():
            os.kill(pid, signal.SIGINT)  # PostgreSQL's fast shutdown
            return pid
    return None


def _runs(pid: int) -> bool:
    """Return whether a child runs; zombies do not, which a lazy process 1 never reaps."""
    try:
        os.killpg(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return True
    except (ProcessLookupError, PermissionError):
        return False


def _main() -> None:
    # It ends with its parent alone: whoever signals all of us still needs it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end_when_alone(sys.stdin)


if __name__ == "__main__":
    _main()
