"""Child processes: started, watched, started again, and never left behind.

A parent that is killed cannot stop its children. So a second, tiny process, the *guard*, holds
the reading end of a pipe whose writing end only the parent has: when the pipe ends, so has the
parent, and the guard ends what is left. Unlike Linux's PR_SET_PDEATHSIG this works on every
POSIX system, for children that change their user, and for children of any thread.
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

import attrs

from veche.protocol.errors import VecheError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from types import FrameType

STOP_TIMEOUT_S: Final = 4.0
"""How long a child may take to end by itself before it is killed."""

OUTPUT_LINES_MAX: Final = 12
"""How many of its last lines a message about a dead child shows."""

RESTARTS_MAX: Final = 8
"""How often in a row a child that dies young is started again."""

HEALTHY_S: Final = 60.0
"""A child that ran for so long was well: the next restart comes at once again."""

BACKOFF_S_MAX: Final = 30.0
"""The longest wait before a restart."""

_OUTPUT_TAIL_BYTES: Final = 16_384
_OUTPUT_BYTES_MAX: Final = 16 << 20
_BACKOFF_START_S: Final = 0.5
_POLL_S: Final = 0.05
# Tells the guard the process id before the program starts, so that no moment is left in which
# the parent could die and the child be unknown. The pipe is the standard input meanwhile.
_LAUNCHER: Final = ("/bin/sh", "-c", 'echo "watch $$" >&0; exec "$@" </dev/null', "sh")


class ChildEndedError(VecheError):
    """A child ended that the others cannot do without; the message has its last lines."""

    errcode = "ORG.VECHE.CHILD_ENDED"


class StoppedError(VecheError):
    """Somebody asked to stop: Ctrl-C, SIGTERM, or the terminal was closed."""

    errcode = "ORG.VECHE.STOPPED"


class Guard:
    """Ends the children of this process once it is gone, however that came about."""

    def __init__(self, *, held: Collection[int] = ()) -> None:
        """Start it.

        Args:
            held: File descriptors that it keeps open until it has ended all: locks of what its
                children use.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-m", "veche.cli.supervise"],
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
        known from its first moment. Its working directory has to be the file's folder.
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


class Child:
    """One child process, in a session of its own, its output in a file.

    A session of its own, so that Ctrl-C in the terminal reaches the parent alone, which
    then stops its children in the right order.

    Attributes:
        name: What it is called in messages.
        output: The file; what an earlier child wrote is kept, up to 16 MiB.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        output: Path,
        environment: Mapping[str, str] | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.name = name
        self.output = output
        self._guard = guard
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.exists() and output.stat().st_size > _OUTPUT_BYTES_MAX:
            output.replace(output.with_name(f"{output.name}.old"))
        with output.open("ab") as stream:
            self._output_start = stream.tell()
            self._process = subprocess.Popen(  # noqa: S603 -- our own commands
                [*(_LAUNCHER if guard else ()), *command],
                stdin=guard.pipe if guard else subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(environment or {}),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that ended it."""
        return self._process.poll()

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until it has ended.

        Returns:
            Its exit code, as ``exit_code`` gives it.

        Raises:
            TimeoutError: It still runs.
        """
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as e:
            raise TimeoutError(f"{self.name} still runs after {timeout_s} s") from e

    def ask_to_stop(self) -> None:
        """Ask it to end, and do not wait."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask it to end, and kill it and all that it started if it does not.

        Returns:
            Its exit code.
        """
        self.ask_to_stop()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            signal_group(self.pid, signal.SIGKILL)
        code = self._process.wait()
        if self._guard:
            self._guard.forget(self.pid)
        return code

    def last_lines(self) -> str:
        """The end of what it wrote itself, at most ``OUTPUT_LINES_MAX`` lines."""
        return tail(self.output, start=self._output_start)


@attrs.define
class Backoff:
    """When a child that died is started again: at once, then later and later, then never.

    Attributes:
        failures: How often in a row it died young.
    """

    failures: int = 0

    def next_s(self, ran_s: float) -> float | None:
        """How long to wait before the next start; None: it is not worth it any more.

        Args:
            ran_s: How long it ran, in seconds.
        """
        self.failures = 0 if ran_s >= HEALTHY_S else self.failures + 1
        if self.failures > RESTARTS_MAX:
            return None
        return min(BACKOFF_S_MAX, _BACKOFF_START_S * (1 << max(0, self.failures - 1)))


@attrs.define
class _Kept:
    """A child that is started again when it dies."""

    start: Callable[[], Child]
    child: Child
    started_s: float
    backoff: Backoff = attrs.field(factory=Backoff)
    restart_s: float | None = None


class Supervisor:
    """Watches children until a signal comes, or one ends that the others need.

    It looks at them some times a second, from one thread. So nothing happens between two looks,
    and a signal only has to leave a note.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Watch nothing yet.

        Args:
            tell: Shows a line to the person at the terminal.
        """
        self._tell = tell
        self._kept: list[_Kept] = []
        self._essential: list[tuple[Callable[[], int | None], Callable[[int], str]]] = []
        self._signal: signal.Signals | None = None

    def catch_signals(self) -> None:
        """Let SIGINT, SIGTERM and SIGHUP make ``check`` raise; for the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def ask(self, number: signal.Signals) -> None:
        """Stop, as if this signal had come."""
        self._signal = number

    def need(self, exit_code: Callable[[], int | None], failure: Callable[[int], str]) -> None:
        """Raise from ``check`` when this process has ended.

        Args:
            exit_code: None while it runs.
            failure: What to say about it, given the exit code.
        """
        self._essential.append((exit_code, failure))

    def keep(self, child: Child, start: Callable[[], Child]) -> None:
        """Watch a child, and start another one like it whenever it dies."""
        self._kept.append(_Kept(start, child, time.monotonic()))

    def check(self) -> None:
        """Look at every child once.

        Raises:
            StoppedError: A signal came.
            ChildEndedError: One ended that is needed, or died too often.
        """
        if self._signal is not None:
            raise StoppedError(self._signal.name)
        for exit_code, failure in self._essential:
            code = exit_code()
            if code is not None:
                raise ChildEndedError(failure(code))
        for kept in self._kept:
            self._check_kept(kept, time.monotonic())

    def wait(self, until: Callable[[], bool] = lambda: False) -> None:
        """Look again and again until ``until`` holds.

        Raises:
            StoppedError, ChildEndedError: As ``check``.
        """
        while not until():
            self.check()
            time.sleep(_POLL_S)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop what it keeps, all at the same time; its children do not come back."""
        kept, self._kept = self._kept, []
        for one in kept:
            one.child.ask_to_stop()
        for one in kept:
            one.child.stop(timeout_s)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = signal.Signals(number)

    def _check_kept(self, kept: _Kept, now_s: float) -> None:
        if kept.restart_s is not None:
            if now_s >= kept.restart_s:
                kept.child, kept.started_s, kept.restart_s = kept.start(), now_s, None
            return
        code = kept.child.exit_code()
        if code is None:
            return
        # What it started itself, and the guard's note of it, end with it.
        signal_group(kept.child.pid, signal.SIGKILL)
        kept.child.stop()
        delay_s = kept.backoff.next_s(now_s - kept.started_s)
        what = f"{kept.child.name}: ended with {how(code)}"
        if delay_s is None:
            raise ChildEndedError(f"{what}, too often in a row\n{kept.child.last_lines()}")
        self._tell(f"{what}; starting it again in {delay_s:g} s ({kept.child.output})")
        kept.restart_s = now_s + delay_s


def how(code: int) -> str:
    """An exit code in words: ``code 1``, ``signal SIGKILL``."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def signal_group(pid: int, number: int) -> bool:
    """Signal a child and all that it started; False if none of them is left."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        # macOS says the latter of a group of which only zombies are left.
        return False
    return True


def tail(path: Path, lines_max: int = OUTPUT_LINES_MAX, *, start: int = 0) -> str:
    """The last lines of a text file from byte ``start`` on; empty if there is no such file."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(start, path.stat().st_size - _OUTPUT_TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines_max:])


def guard(lines: Iterable[str], timeout_s: float = STOP_TIMEOUT_S) -> None:
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
    """Whether a child runs: a zombie, which a lazy process 1 leaves for ever, does not."""
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
    guard(sys.stdin)


if __name__ == "__main__":
    _main()
