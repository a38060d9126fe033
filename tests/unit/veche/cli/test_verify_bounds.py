"""What `veche verify` takes for a hostile file, measured: its processor time, its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.attackers import signed_once
from tests.support.forgery import increment, page, stream

if TYPE_CHECKING:
    from collections.abc import Callable

MIB: Final = 1024 * 1024
CPU_S_MAX: Final = 10
OURS_S_MAX: Final = 3
"""To begin, to read the file and to hand it on to the child that judges it."""
MEMORY_BYTES_MAX: Final = 512 * MIB
_RANGES: Final = b"/ByteRange[0 9 %d 3]" % (80 * MIB + 11)

# A small process of its own: what the parent had in memory counts as its child's.
_MEASURE: Final = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print()
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)
"""

HOSTILE: Final[dict[str, Callable[[], bytes]]] = {
    "dictionaries": lambda: page("x", {6: b"[%b]" % (b"<<>>" * 15 * MIB)}),
    "parentheses": lambda: page("x", {6: b"(" * 10 * MIB + b")" * 10 * MIB}),
    "numbers like objects": lambda: increment(signed_once(), {900: stream(b"1 " * 40 * MIB)}),
    "ranges over the whole": lambda: b"%PDF-1.7\n<" + b"30" * 40 * MIB + b">" + _RANGES * 19,
}
"""Most of them as large as a file may be, or so that a careless reader needs far more."""


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_takes_no_more_than_its_bounds(
    make: Callable[[], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "file.pdf"
    file.write_bytes(make())
    program = Path(sys.executable).with_name("veche")
    command = [sys.executable, "-c", _MEASURE, str(program), "verify", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    code, cpu_s, memory_kib = done.stdout.splitlines()[-1].split()
    assert code == "1", done.stdout
    assert float(cpu_s) < CPU_S_MAX + OURS_S_MAX
    assert int(memory_kib) * 1024 < MEMORY_BYTES_MAX
