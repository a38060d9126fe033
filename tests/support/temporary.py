"""Where the files of a run of the tests go: in memory, where a machine has enough.

Databases of clients, of homeservers and of the demo's bank are synced at each step. On a disk a
test waits for that, in memory it does not. What it kills there are processes, never the machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- a file system in memory, where Linux has it
MEMORY_BYTES_MIN: Final = 12 * 2**30
"""Of the machine and of that file system, for all files of a run, some 4 GiB, to be there."""
SHARED: Final = "VECHE_TESTS_SHARED"
"""The variable with the folder that all runs on a machine share."""
_NAME: Final = "veche-tests-"
_FOLDER: Final = re.compile(rf"{_NAME}([0-9]+)")


def memory() -> Path | None:
    """Return the file system in memory if it is large enough, None otherwise."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError):
        there = os.statvfs(MEMORY)
        if min(memory_bytes, there.f_frsize * there.f_blocks) >= MEMORY_BYTES_MIN:
            return MEMORY
    return None


def shared_folder() -> Path:
    """Return the folder in which locks between runs are."""
    return Path(os.environ.get(SHARED) or tempfile.gettempdir())


def begin(place: Path) -> Path:
    """Have this process and those it starts put their files in a folder of this run; return it.

    What a run has left that was killed, or kept since it failed, is removed first.
    """
    for old in place.glob(f"{_NAME}*"):
        number = _FOLDER.fullmatch(old.name)
        if number and not Path("/proc", number[1]).exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = place / f"{_NAME}{os.getpid()}"
    folder.mkdir()
    # As that of the machine: a PostgreSQL of root runs as somebody else.
    folder.chmod(0o1777)
    os.environ.setdefault(SHARED, tempfile.gettempdir())
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None
    return folder
