"""Format, lint, types and import contracts of the whole tree."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.support.example_feature import PACKAGE, write_feature

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
CHECKS = {
    # The longest first: it runs beside the other files.
    "types": ["mypy"],
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "imports": ["lint-imports"],
}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("check", CHECKS)
def test_the_tree_is_clean(check: str) -> None:
    assert what_is_wrong(*CHECKS[check]) == ""


@pytest.mark.timeout(1200)
def test_the_feature_that_a_page_builds_is_clean(tmp_path: Path) -> None:
    write_feature(tmp_path)
    package, ruff = str(tmp_path / PACKAGE), ("--config", str(ROOT / "pyproject.toml"))
    first_party = ("--config", f"src = ['{tmp_path}']")

    assert what_is_wrong("ruff", "format", "--check", *ruff, package) == ""
    assert what_is_wrong("ruff", "check", *ruff, *first_party, package) == ""
    # With what is kept of the whole tree.
    assert what_is_wrong("mypy", "-p", PACKAGE, environment={"MYPYPATH": str(tmp_path)}) == ""


def what_is_wrong(
    program: str, *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
) -> str:
    """What a tool says of the tree that it does not find clean."""
    result = subprocess.run(
        [str(TOOLS / program), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{result.stdout}{result.stderr}" if result.returncode else ""
