"""A process of an institution, which serves organisations and kills itself at any moment.

``python -m tests.integration.appservices.payments.killed DSN FOLDER BANK SECONDS``: ``BANK`` is
JSON of the section of its bank; after so many seconds, counted by a thread of its own since it
serves, it is dead; never if they are 0. It says where it serves.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twisted.internet import reactor as default_reactor  # noqa: TID251 -- a process of its own
from twisted.internet.defer import Deferred

from tests.integration.appservices.payments.branch import Branch

if TYPE_CHECKING:
    from twisted.python.failure import Failure

reactor: Any = default_reactor

WAIT_MS: Final = 45_000
"""How long the shop may take to confirm what is set aside."""


def die() -> None:
    """As a machine does that loses its power; for the process."""
    os.kill(os.getpid(), signal.SIGKILL)


async def serve(dsn: str, folder: Path, bank: dict[str, Any], dies_after_s: float) -> None:
    """Begin, and go on until killed."""
    branch = Branch(dsn, folder, banks=[bank], confirm_wait_ms=WAIT_MS)
    branch.rings = True
    await branch.start()
    if dies_after_s:
        threading.Timer(dies_after_s, die).start()
    print(f"serving {branch.url}", flush=True)  # noqa: T201 -- for the test


def main(dsn: str, folder: str, bank: str, dies_after_s: str) -> None:
    """Run."""

    def fail(why: Failure) -> None:
        why.printTraceback()
        os._exit(1)

    def begin() -> None:
        work = serve(dsn, Path(folder), json.loads(bank), float(dies_after_s))
        Deferred.fromCoroutine(work).addErrback(fail)

    reactor.callWhenRunning(begin)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
