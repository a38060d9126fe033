"""Keeps the PostgreSQL server of the tests: starts it, and stops it when nobody needs it.

Run as ``python -m tests.support.postgres_keeper FOLDER`` by somebody who holds a shared lock on
``FOLDER/users``, as everybody does who uses the server. The kernel takes locks away from
processes that die, so a killed test run leaves no server behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Final

from veche.runtime.database.embedded import EmbeddedPostgres

_POLL_S: Final = 0.02


def main(folder: Path) -> None:
    """Start the server, write its address to ``FOLDER/dsn``, wait for the last user, stop it."""
    # It ends with its users alone, whoever signals all of us.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with (folder / "users").open("a") as users:
        with EmbeddedPostgres(folder / "server", is_durable=False) as server:
            (folder / "dsn.new").write_text(server.dsn())
            (folder / "dsn.new").rename(folder / "dsn")
            fcntl.flock(users, fcntl.LOCK_EX)
            (folder / "dsn").unlink()
        # Still under the lock, and the lock's file last: whoever waits for it finds nothing half
        # removed, and starts another server.
        shutil.rmtree(folder / "server")
        (folder / "keeper.log").unlink()
        (folder / "users").unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def begin(folder: Path) -> None:
    """Let a process of its own do it, and end once the server is up, or that process has failed."""
    if (keeper := os.fork()) == 0:
        main(folder)
        return
    while not (folder / "dsn").exists():
        ended, status = os.waitpid(keeper, os.WNOHANG)
        if ended:
            sys.exit(os.waitstatus_to_exitcode(status) or 1)
        time.sleep(_POLL_S)


if __name__ == "__main__":
    begin(Path(sys.argv[1]))
