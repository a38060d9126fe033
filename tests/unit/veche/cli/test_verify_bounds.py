"""What `veche verify` takes for a hostile file, measured: its processor time, its memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.hostile import BOUNDED, MIB, measured

if TYPE_CHECKING:
    from collections.abc import Callable

CPU_S_MAX: Final = 10
OURS_S_MAX: Final = 3
"""To begin, to read the file and to hand it on to the child that judges it."""
MEMORY_BYTES_MAX: Final = 512 * MIB


@pytest.mark.parametrize("make", BOUNDED.values(), ids=BOUNDED.keys())
def test_a_hostile_file_takes_no_more_than_its_bounds(
    make: Callable[[], bytes], tmp_path: Path
) -> None:
    file = tmp_path / "file.pdf"
    file.write_bytes(make())
    program = Path(sys.executable).with_name("veche")

    took = measured(str(program), "verify", str(file))

    assert took.code == 1, took.said
    assert took.cpu_s < CPU_S_MAX + OURS_S_MAX
    assert took.memory_bytes < MEMORY_BYTES_MAX
