"""Which files of tests stay in one process when ``pytest -n`` gives them out to several."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from xdist.scheduler import LoadFileScheduling

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOUSE: Final = re.compile(r"^// stage: (house|bank|up)$", re.MULTILINE)
"""At the top of browser tests that meet on one house; see tests/widgets/stage.py."""


class ByHouse(LoadFileScheduling):  # type: ignore[misc]  # without types
    """Gives out file by file, and all browser tests of one house together: it starts once."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """Which tests one process runs together: those that have the same answer."""
    file = nodeid.partition("::")[0]
    return _houses().get(file, file)


@functools.cache
def _houses() -> dict[str, str]:
    return dict(_found())


def _found() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "tests" / "widgets").glob("*.test.js")):
        if (stage := _HOUSE.search(path.read_text(encoding="utf-8"))) is not None:
            yield str(path.relative_to(ROOT)), f"tests/widgets/{stage[1]}"
