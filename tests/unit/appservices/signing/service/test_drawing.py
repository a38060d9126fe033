"""What the sandbox does to strangers' files loads little: its fork server stays in memory."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT


@pytest.mark.parametrize(
    "module",
    [
        "appservices.signing.papers.core.judged",
        "appservices.signing.places.service.drawing",
        "appservices.signing.papers.service.uploads",
    ],
)
def test_no_child_of_the_sandbox_loads_models_languages_or_servers(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert module in loaded
    assert loaded.isdisjoint({"babel", "psycopg2", "pydantic", "segno", "twisted", "typst"})
