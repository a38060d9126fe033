"""Golden files: what we send, byte for byte, so that a change of it is seen in the diff.

To write them anew after a wanted change: ``VECHE_WRITE_GOLDEN=1 ./run test <test file>``.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def check_golden(path: Path, content: Mapping[str, Any]) -> None:
    """Fail unless ``path`` holds exactly ``content``, as indented JSON in its order."""
    shown = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("VECHE_WRITE_GOLDEN") == "1":
        path.write_text(shown, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == shown, f"{path.name}: see tests/support/golden.py"
