"""Format, lint and types of the pages' JavaScript and of its tests."""

from __future__ import annotations

import subprocess
from typing import Final

import pytest

from tests.support.node import WIDGETS, node, why_no_types
from tests.support.processes import ROOT

TOOLS: Final = WIDGETS / "node_modules"
TESTS: Final = "tests/widgets"
STATIC: Final = "appservices/widgets/static"
CHECKS: Final = {
    "types": ("typescript/bin/tsc", "-p", "appservices/widgets"),
    "types of tests": ("typescript/bin/tsc", "-p", TESTS),
    "lint": ("oxlint/bin/oxlint", "-c", "appservices/widgets/.oxlintrc.json", STATIC, TESTS),
    "format": (
        "prettier/bin/prettier.cjs",
        *(
            "--config",
            "appservices/widgets/.prettierrc.json",
            "--check",
            "--no-error-on-unmatched-pattern",
        ),
        *(f"{folder}/**/*.{kind}" for folder in (STATIC, TESTS) for kind in ("js", "d.ts", "css")),
        "!**/vendor/**",
    ),
}


@pytest.mark.skipif(bool(why_no_types()), reason=why_no_types())
@pytest.mark.parametrize("check", CHECKS)
def test_the_javascript_is_clean(check: str) -> None:
    program, *arguments = CHECKS[check]
    result = subprocess.run(
        [str(node()), str(TOOLS / program), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout}{result.stderr}"
