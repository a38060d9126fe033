"""The state folder of `veche up`: everything it makes, for one user of it at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection

FORMAT: Final = 1
"""Version of the folder's layout; a folder of a newer one is refused."""

FREE_BYTES_MIN: Final = 512 << 20
"""Less free space than this is refused at the start: a full disk later hurts more."""

LEFTOVERS_S_MAX: Final = 10.0
"""How long to wait for the children of an earlier `veche up` that was killed."""

PORT_MIN: Final = 1
PORT_MAX: Final = 65_535

_MARKER: Final = "veche-state.json"
_LOCK: Final = "lock"
_POLL_S: Final = 0.05
_LISTENING: Final = "0A"
_COMMAND_CHARACTERS_MAX: Final = 60


class StateFolder:
    """A state folder that is ours until ``close``.

    Attributes:
        path: Absolute.
        is_new: Whether it was made, or was empty.
    """

    def __init__(self, path: Path, *, free_bytes_min: int = FREE_BYTES_MIN) -> None:
        """Take the folder, or make it.

        Args:
            path: Of the folder; its parents are made too.
            free_bytes_min: How much space its disk has to have.

        Raises:
            ConfigError: It cannot be made or written, holds something else, belongs to a newer
                Veche, is in use by another process, or its disk is full. Nothing was changed.
        """
        self.path = path.expanduser().absolute()
        try:
            self.is_new = _prepare(self.path)
            self._lock = _take_lock(self.path)
        except OSError as e:
            raise ConfigError(f"{self.path}: {e.strerror}; choose another with --state") from e
        try:
            _check_space(self.path, free_bytes_min)
            if self.is_new:
                (self.path / _MARKER).write_text(json.dumps({"format": FORMAT}) + "\n")
        except BaseException:
            self.close()
            raise

    @property
    def lock(self) -> int:
        """File descriptor of the lock; a process that inherits it keeps the folder ours."""
        return self._lock

    def close(self) -> None:
        """Let others use it."""
        os.close(self._lock)


def check_port(port: int, option: str = "--port") -> None:
    """Check that we can listen on a port of 127.0.0.1.

    Args:
        port: Its number.
        option: The command line option with which another can be chosen.

    Raises:
        ConfigError: It is in use, and by whom as far as we can see; or may not be used.
    """
    if not PORT_MIN <= port <= PORT_MAX:
        raise ConfigError(f"{option} {port}: should be from {PORT_MIN} to {PORT_MAX}")
    with socket.socket() as probe:
        # As servers do: connections that ended a moment ago are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except PermissionError as e:
            raise ConfigError(f"port {port} is for root alone; choose one with {option}") from e
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise
            raise ConfigError(
                f"port {port} is in use by {_listener(port)};"
                f" stop that, or choose another port with {option}"
            ) from e


def free_port(preferred: int, planned: Collection[int] = ()) -> int:
    """A port of 127.0.0.1 that nobody listens on: the preferred one if possible.

    Args:
        preferred: The first to try.
        planned: Ports that somebody is about to listen on.
    """
    if preferred not in planned:
        with contextlib.suppress(ConfigError):
            check_port(preferred)
            return preferred
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(path: Path) -> bool:
    """Make the folder; whether it is new."""
    path.mkdir(parents=True, exist_ok=True)
    marker = path / _MARKER
    if not marker.exists():
        # The lock alone: an earlier start was refused, or killed in its first moment.
        if {entry.name for entry in path.iterdir()} - {_LOCK}:
            raise ConfigError(
                f"{path} holds something else than the state of `veche up`;"
                " choose an empty folder with --state"
            )
        return True
    try:
        found = int(json.loads(marker.read_text())["format"])
    except (ValueError, KeyError, TypeError) as e:
        raise ConfigError(f"{marker} is damaged; restore it, or choose another --state") from e
    if found > FORMAT:
        raise ConfigError(
            f"{path} was made by a newer Veche (format {found}, this one knows {FORMAT});"
            " install that version, or choose another folder with --state"
        )
    return False


def _take_lock(path: Path) -> int:
    # The system takes this lock away from processes that end, however they end.
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LEFTOVERS_S_MAX
    while not _try_lock(lock):
        owner = os.pread(lock, 20, 0).decode(errors="replace").strip()
        # One that was killed has a guard that is still stopping its children.
        if not _is_alive(owner) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            continue
        os.close(lock)
        raise ConfigError(
            f"`veche up` runs already in {path}, as process {owner};"
            f" stop it (kill {owner}), or choose another folder with --state and another --port"
        )
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    """Return whether a process runs; one that has not written its id yet does."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


def _check_space(path: Path, free_bytes_min: int) -> None:
    free = shutil.disk_usage(path).free
    if free < free_bytes_min:
        raise ConfigError(
            f"the disk of {path} is full: {free >> 20} MiB are free,"
            f" at least {free_bytes_min >> 20} MiB are needed"
        )


def _listener(port: int) -> str:
    """Name the process that listens on a port, as far as the system says (Linux, own processes)."""
    inodes = {
        fields[9]
        for table in ("tcp", "tcp6")
        for fields in _sockets(Path("/proc/net") / table)
        if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port
    }
    links = {f"socket:[{inode}]" for inode in inodes}
    # Not Path.glob: it fails over a process that ends meanwhile.
    for descriptor in map(Path, glob.iglob("/proc/[0-9]*/fd/*")):  # noqa: PTH207
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()) in links:
                process = descriptor.parents[1]
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f"process {process.name} ({command[:_COMMAND_CHARACTERS_MAX]})"
    return "another program"


def _sockets(table: Path) -> list[list[str]]:
    with contextlib.suppress(OSError):
        return [line.split() for line in table.read_text().splitlines()[1:]]
    return []
