"""What the page's judging takes for the largest files, honest and hostile ones."""

from __future__ import annotations

import base64
import hashlib
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
from tests.support.long import some
from tests.support.node import WIDGETS, node, why_no_node
from tests.unit.appservices.widgets.test_signing_twins import by_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(bool(why_no_node()), reason=why_no_node())

ANY_FILE = WIDGETS / "static" / "signatures" / "any_file.js"
BYTES: Final = WIDGETS / "static" / "verify" / "bytes.js"
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


@pytest.mark.parametrize("name", some([*FILES], ordinary=1))
def test_the_largest_files_take_the_page_no_more_than_their_bounds(
    name: str, tmp_path: Path
) -> None:
    make, verdicts = FILES[name]
    file = tmp_path / "file"
    file.write_bytes(make())

    took = measured(str(node()), "--input-type=module", "--eval", _JUDGE, str(file))
    file.unlink()

    assert took.said.strip() in verdicts, took.said
    assert took.cpu_s < CPU_S_MAX
    assert took.memory_bytes < MEMORY_BYTES_MAX


DIGESTED_BYTES: Final = 128 * MIB
_DIGEST_OFTEN: Final = f"""
import {{ digested }} from {json.dumps(BYTES.as_uri())};
const file = new Uint8Array({DIGESTED_BYTES}).fill(7);
for (let again = 0; again < 4; again += 1) await digested("SHA-256", [file]);
"""


def test_digests_one_after_the_other_never_have_two_copies() -> None:
    took = measured(str(node()), "--input-type=module", "--eval", _DIGEST_OFTEN)

    assert took.code == 0, took.said
    # The file, a copy, and Node itself.
    assert 2 * DIGESTED_BYTES < took.memory_bytes < 3 * DIGESTED_BYTES


_DIGESTS: Final = """
    const { digested } = await at("verify/bytes.js");
    const whole = bytes(given.whole);
    const found = [];
    for (const [first, hole, resume, end] of given.cases) {
        const parts = [whole.subarray(first, hole), whole.subarray(resume, end)];
        const pending = digested("SHA-256", parts);
        const isKept = base64(whole) === given.whole;
        found.push([base64(await pending), isKept]);
    }
    answer(found);
"""


def test_a_digest_around_a_hole_is_right_and_leaves_the_file_as_it_was() -> None:
    """What is behind the hole stands in it while the browser copies, however long both are."""
    whole = bytes(range(256)) * 4
    cases = [(0, 9, 20, 1024), (0, 500, 900, 1024), (3, 9, 9, 700), (0, 0, 8, 900), (0, 9, 9, 9)]
    given = {"whole": base64.b64encode(whole).decode(), "cases": cases}

    found = by_page(_DIGESTS, given)

    parts = [whole[first:hole] + whole[resume:end] for first, hole, resume, end in cases]
    digests = [base64.b64encode(hashlib.sha256(one).digest()).decode() for one in parts]
    assert found == [[digest, True] for digest in digests]
