"""What the page's judging takes for the largest files, honest and hostile ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.hostile import (
    BOUNDED,
    CROWDED,
    LARGE_MIB,
    MIB,
    large_container,
    large_pdf,
    measured,
)
from tests.support.node import WIDGETS, node, why_no_node

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

ANY_FILE = WIDGETS / "static" / "signatures" / "any_file.js"
CPU_S_MAX: Final = 10
MEMORY_BYTES_MAX: Final = 512 * MIB
HOSTILE: Final = {"invalid", "unreadable", "unsigned"}
FILES: Final[dict[str, tuple[Callable[[], bytes], set[str]]]] = {
    **{name: (make, HOSTILE) for name, make in {**BOUNDED, **CROWDED}.items()},
    "honest": (lambda: large_pdf(LARGE_MIB), {"unproven"}),
    "honest container": (lambda: large_container(LARGE_MIB), {"unproven"}),
}
_JUDGE: Final = f"""
import {{ readFileSync }} from "node:fs";
import {{ judgeFile }} from {json.dumps(ANY_FILE.as_uri())};
const {{ buffer, byteOffset, length }} = readFileSync(process.argv[1]);
const report = await judgeFile(new Uint8Array(buffer, byteOffset, length), [], Date.now());
console.log(report.verdict);
"""


@pytest.mark.parametrize(("make", "verdicts"), FILES.values(), ids=FILES.keys())
def test_the_largest_files_take_the_page_no_more_than_their_bounds(
    make: Callable[[], bytes], verdicts: set[str], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(make())

    took = measured(str(node()), "--input-type=module", "--eval", _JUDGE, str(file))
    file.unlink()

    assert took.said.strip() in verdicts, took.said
    assert took.cpu_s < CPU_S_MAX
    assert took.memory_bytes < MEMORY_BYTES_MAX
