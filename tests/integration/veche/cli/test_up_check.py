"""`veche up --check` with everything real: the office answers matrix-nio, encrypted."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.processes import ROOT, free_ports

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.long,
    pytest.mark.postgres,
    pytest.mark.synapse,
    pytest.mark.skipif(
        not entry_points(group="veche.services"),
        reason="Veche is not installed in this Python, so it finds no services: ./run test",
    ),
]

MEMORY_MIB_MAX: Final = 150
"""What the process of the services may use."""


def check(state: Path) -> subprocess.CompletedProcess[str]:
    port, pages_port, app_port = free_ports(3)
    ports = ["--port", str(port), "--pages-port", str(pages_port), "--app-port", str(app_port)]
    command = [sys.executable, "-m", "veche.cli.main", "up", "--check"]
    return subprocess.run(
        [*command, "--state", str(state), *ports],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def test_the_office_answers_on_the_first_start_and_on_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        ended = check(tmp_path / "state")

        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert ":lindenau.localhost: hello" in ended.stdout
        assert "1. Copy of a birth certificate" in ended.stdout
        assert re.search(
            r"^Encrypted answer \d+\.\d s after the start\.$", ended.stdout, re.MULTILINE
        )
        memory = re.search(r"services use +(\d+) MiB", ended.stdout)
        assert memory
        assert int(memory[1]) <= MEMORY_MIB_MAX
