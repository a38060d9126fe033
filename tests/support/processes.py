"""Child processes of tests: started with a log, waited for, always ended."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import itertools
import os
import random
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from tests.support import fork_server
from tests.support.temporary import shared_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import IO

ROOT: Final = Path(__file__).parents[2]
"""The checkout."""

TIMEOUT_S: Final = 280
"""Of a test that runs in trial's reactor; less than pytest's own, to have trial's report."""
STOP_S_MAX: Final = 60
LOG_TAIL_CHARACTERS_MAX: Final = 6_000
_POLL_S: Final = 0.02
_PORTS: Final = range(11_000, 32_000)
"""Below those that Linux gives to whoever connects (ip_local_port_range)."""


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Return once ``condition`` holds.

    Raises:
        TimeoutError: It did not hold in time; the message is ``what``.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} (within {timeout_s} s)")
        time.sleep(_POLL_S)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, and that no other test gets.

    Not those that the kernel gives: between the look and the server's start, or while a server is
    started again, it gives the same port to any connection of any process.
    """
    return list(itertools.islice(filter(_take_port, _candidates()), count))


@functools.cache
def _candidates() -> Iterator[int]:
    # Each once, in an order of this process, so that seldom two look at the same one.
    return iter(random.SystemRandom().sample(_PORTS, len(_PORTS)))


def _take_port(port: int) -> bool:
    # The kernel gives a lock back when its process ends, however it does.
    with contextlib.suppress(OSError):
        fcntl.lockf(_ports_lock(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
        return True
    return False


@functools.cache
def _ports_lock() -> IO[bytes]:
    # One file, never closed: closing any file of it would give all locks back.
    path = shared_folder() / f"veche-ports-{os.getuid()}.lock"
    return path.open("ab")


@attrs.define
class Child:
    """A child process whose output goes to a file.

    A homeserver, the services and programs of the tests are forked by a fork server (see there).

    Attributes:
        command: Program and arguments.
        log_path: Where its output is appended.
    """

    command: Sequence[str]
    folder: Path
    log_path: Path
    environment: Mapping[str, str] = attrs.field(factory=dict)
    _process: subprocess.Popen[bytes] | fork_server.Process | None = None

    def start(self) -> None:
        """Start it; ``kill`` runs at the end of this process at the latest."""
        with self.log_path.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            output = log.fileno()
            if modules := fork_server.modules_of(self.command):
                self._process = fork_server.fork(
                    modules,
                    self.command,
                    folder=self.folder,
                    environment=self.environment,
                    standard=(nothing.fileno(), output, output),
                    kind=fork_server.Process,
                )
            else:
                self._process = subprocess.Popen(
                    list(self.command),
                    cwd=self.folder,
                    env={**os.environ, **self.environment},
                    stdin=nothing,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        """Process id of the child that was started last."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended, None while it runs."""
        return None if self._process is None else self._process.poll()

    def log(self) -> str:
        """All that it wrote so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_for(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Return once ``condition`` holds.

        Raises:
            RuntimeError: The process ended before; with the end of its log.
            TimeoutError: It did not hold in time; with the end of its log.
        """

        def holds() -> bool:
            if condition():
                return True
            if not self.is_running:
                raise RuntimeError(f"{what}: ended with {self.exit_code}\n{self._tail()}")
            return False

        try:
            wait_until(holds, timeout_s, what)
        except TimeoutError as e:
            raise TimeoutError(f"{e}\n{self._tail()}") from None

    def stop(self, timeout_s: float = STOP_S_MAX) -> int | None:
        """Ask it to end (SIGTERM), kill it if it does not; its exit code."""
        if self._process is not None and self.is_running:
            self._process.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        atexit.unregister(self.kill)
        return self.exit_code

    def kill(self) -> None:
        """End it and its own children at once (SIGKILL), as a power cut would."""
        if self._process is None:
            return
        _kill_group(self._process.pid)
        self._process.wait(STOP_S_MAX)

    def _tail(self) -> str:
        return self.log()[-LOG_TAIL_CHARACTERS_MAX:]


def _kill_group(pid: int) -> None:
    # The children of a process that was killed alone (Synapse's workers) would live on.
    try:
        os.killpg(pid, 9)
    except ProcessLookupError:
        return
