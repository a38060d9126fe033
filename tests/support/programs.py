"""Programs of others that tests use as a second opinion."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.node import SKIP_NOTHING


def program(name: str, package: str) -> str:
    """Path of a program; the test is skipped without it, and fails in CI.

    Args:
        name: Of the program.
        package: Of Debian, which has it.
    """
    found = shutil.which(name)
    if found is not None:
        return found
    reason = f"no {name} here (Debian: apt install {package})"
    if os.environ.get(SKIP_NOTHING):
        pytest.fail(reason)
    pytest.skip(reason)
