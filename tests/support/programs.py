"""Programs of others that tests call: a second opinion, or what an operator has."""

from __future__ import annotations

import os
import shutil
from typing import Final

import pytest

from tests.support.node import ROOT, SKIP_NOTHING

_LINES: Final = (ROOT / ".ci" / "programs").read_text().splitlines()
PACKAGES: Final = {
    words[0]: words[1:]
    for words in map(str.split, _LINES)
    if words and not words[0].startswith("#")
}
"""Debian's packages of each program that a test may call, as ``.ci/run`` installs them."""
_PATH: Final = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))


def program(name: str) -> str:
    """Return the path of a program; the test is skipped without it, and fails in CI.

    Args:
        name: Of the program, one of ``.ci/programs``.
    """
    packages = PACKAGES[name]
    found = shutil.which(name, path=_PATH)
    if found is not None:
        return found
    reason = f"no {name} here (Debian: apt install {' '.join(packages)})"
    if os.environ.get(SKIP_NOTHING):
        pytest.fail(reason)
    pytest.skip(reason)
