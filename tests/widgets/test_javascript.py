"""Format, lint and types of the pages' JavaScript and of its tests."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.node import WIDGETS, node, why_no_types
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOOLS: Final = WIDGETS / "node_modules"
TESTS: Final = "tests/widgets"
STATIC: Final = "appservices/widgets/static"
KEPT: Final = ROOT / ".artifacts"
"""What a tool knows of the last run is kept here."""
FOLDERS: Final = {"types": "appservices/widgets", "types of tests": TESTS}
CHECKS: Final = {
    **{
        check: (
            *("typescript/bin/tsc", "-p", folder, "--incremental", "--tsBuildInfoFile"),
            str(KEPT / f"{check}.tsbuildinfo"),
        )
        for check, folder in FOLDERS.items()
    },
    "lint": ("oxlint/bin/oxlint", "-c", "appservices/widgets/.oxlintrc.json", STATIC, TESTS),
    "format": (
        "prettier/bin/prettier.cjs",
        *(
            "--config",
            "appservices/widgets/.prettierrc.json",
            "--check",
            "--no-error-on-unmatched-pattern",
            "--cache",
            *("--cache-strategy", "content"),
            "--cache-location",
            str(KEPT / "prettier"),
        ),
        *(f"{folder}/**/*.{kind}" for folder in (STATIC, TESTS) for kind in ("js", "d.ts", "css")),
        "!**/vendor/**",
    ),
}


@pytest.fixture(scope="module")
def running() -> Iterator[Mapping[str, subprocess.Popen[str]]]:
    """All checks, which run at the same time."""
    started = {
        check: subprocess.Popen(
            [str(node()), str(TOOLS / program), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for check, (program, *arguments) in CHECKS.items()
    }
    yield started
    for process in started.values():
        process.kill()
        process.wait()


@pytest.mark.skipif(bool(why_no_types()), reason=why_no_types())
@pytest.mark.parametrize("check", CHECKS)
def test_the_javascript_is_clean(running: Mapping[str, subprocess.Popen[str]], check: str) -> None:
    said, _ = running[check].communicate()

    assert running[check].returncode == 0, said
