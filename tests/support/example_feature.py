"""The feature that a page of the documentation builds, as files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = ROOT / "docs" / "development" / "add-a-feature.md"
PACKAGE: Final = "parking"
_FILE: Final = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def write_feature(folder: Path) -> None:
    """Write each file of the page below a folder."""
    for name, text in _FILE.findall(PAGE.read_text()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
