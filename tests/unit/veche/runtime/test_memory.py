"""Memory of a process, in processes of their own: what is done to it cannot be undone."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

_LARGE_PAGES: Final = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_IS_YOUNG: Final = tuple(map(int, platform.release().split(".")[:2])) >= (6, 1)
_HAS_LARGE_PAGES: Final = (
    _IS_YOUNG and _LARGE_PAGES.exists() and "[never]" not in _LARGE_PAGES.read_text()
)

_PRELUDE: Final = """
import gc, mmap, sys
from pathlib import Path
from veche.runtime import memory, metrics

def kib(name):
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
"""


def _told(program: str, folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", f"{_PRELUDE}\n{program}", str(folder)],
        capture_output=True,
        check=True,
        text=True,
    ).stdout.strip()


@pytest.mark.skipif(not _HAS_LARGE_PAGES, reason="the kernel lays nothing into large pages")
def test_what_stays_is_in_large_pages_and_costs_no_more_memory(tmp_path: Path) -> None:
    program = """
kept = [{"name": str(number)} for number in range(100_000)]
unused = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for offset in range(0, len(unused), 2 << 20):
    unused[offset] = 1
before = kib("Rss")
laid = memory.settle()
print(laid > 0, laid >> 10 <= kib("AnonHugePages"), kib("Rss") < before * 1.25)
shown = dict(line.rsplit(" ", 1) for line in metrics.text().decode().splitlines())
print(float(shown["veche_large_pages_bytes"]) == laid)
print(all(one["name"] == str(number) for number, one in enumerate(kept)))
"""

    assert _told(program, tmp_path).split() == ["True"] * 5


def test_the_collector_passes_over_what_stays(tmp_path: Path) -> None:
    program = "memory.settle(); print(gc.get_freeze_count() > 1000 > len(gc.get_objects()))"

    assert _told(program, tmp_path) == "True"


@pytest.mark.parametrize(
    "state",
    [
        'folder.joinpath("enabled").write_text("always madvise [never]")',
        "",  # no such file: a kernel without them
    ],
)
def test_where_large_pages_are_not_to_be_had_nothing_changes(tmp_path: Path, state: str) -> None:
    program = f"""
folder = Path(sys.argv[1])
{state}
memory._LARGE_PAGES = folder
before = kib("AnonHugePages")
kept = [{{"name": str(number)}} for number in range(100_000)]
print(memory.settle(), kib("AnonHugePages") - before)
"""

    assert _told(program, tmp_path) == "0 0"


def test_what_only_debuggers_read_is_given_back(tmp_path: Path) -> None:
    program = """
import linecache
import attrs
attrs.make_class("Made", ["a"])
print(any("attrs generated" in name for name in linecache.cache))
memory.trim()
print(any("attrs generated" in name for name in linecache.cache))
"""
    assert _told(program, tmp_path).split() == ["True", "False"]
