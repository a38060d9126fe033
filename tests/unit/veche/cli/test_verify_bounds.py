"""What `veche verify` takes for a hostile file, measured: its processor time, its memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.hostile import (
    BOUNDED,
    LARGE_MIB,
    MIB,
    large_container,
    large_pdf,
    measured,
)
from tests.support.long import some
from veche.cli.verify.signed_files import FALSE, NOT_PROVEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.hostile import Measured

CPU_S_MAX: Final = 10
OURS_S_MAX: Final = 3
"""To begin, to read the file and to hand it on to the child that judges it."""
MEMORY_BYTES_MAX: Final = 512 * MIB
HONEST_BYTES_MAX: Final = 300 * MIB
"""The file twice, once unpacked, and the program."""

LARGE: Final[dict[str, Callable[[], bytes]]] = {
    "packed container": lambda: large_container(LARGE_MIB, is_packed=True),
    "container": lambda: large_container(LARGE_MIB),
    "document": lambda: large_pdf(LARGE_MIB),
}


@pytest.mark.parametrize("name", some([*BOUNDED], ordinary=1))
def test_a_hostile_file_takes_no_more_than_its_bounds(name: str, tmp_path: Path) -> None:
    took = _verified(BOUNDED[name](), tmp_path)

    assert took.code == FALSE, took.said
    assert took.cpu_s < CPU_S_MAX + OURS_S_MAX
    assert took.memory_bytes < MEMORY_BYTES_MAX


@pytest.mark.long
@pytest.mark.parametrize("name", LARGE)
def test_the_largest_honest_files_are_judged(name: str, tmp_path: Path) -> None:
    took = _verified(LARGE[name](), tmp_path)

    assert took.code == NOT_PROVEN, took.said
    assert took.memory_bytes < HONEST_BYTES_MAX


def _verified(data: bytes, folder: Path) -> Measured:
    file = folder / "file"
    file.write_bytes(data)
    took = measured(str(Path(sys.executable).with_name("veche")), "verify", str(file))
    file.unlink()
    return took
