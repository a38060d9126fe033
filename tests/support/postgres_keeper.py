"""Keeps the PostgreSQL server of the tests: starts it, and stops it when nobody needs it.

Run as ``python -m tests.support.postgres_keeper FOLDER`` by somebody who holds a shared lock on
``FOLDER/users``, as everybody does who uses the server. The kernel takes locks away from
processes that die, so a killed test run leaves no server behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import signal
import sys
from pathlib import Path

from veche.runtime.database.embedded import EmbeddedPostgres


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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
