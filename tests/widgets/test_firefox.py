"""Pages that are not of Chromium alone: judging files, by a worker, in Firefox."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

from tests.support.long import some
from tests.support.node import firefox, why_no_firefox
from tests.support.processes import ROOT

RUN_S_MAX: Final = 420
JUDGED: Final = (
    "a container of any files is judged as a document is",
    "the root of another authority is chosen as a file",
    "a receipt after a document is a receipt",
)
FILE: Final = "tests/widgets/signed_file.test.js"


@pytest.mark.skipif(bool(why_no_firefox()), reason=why_no_firefox())
@pytest.mark.timeout(RUN_S_MAX + 60)
def test_files_are_judged_in_firefox_too() -> None:
    judged = some(JUDGED, ordinary=1)
    environment = {**os.environ, "VECHE_BROWSER": "firefox", "FIREFOX": str(firefox())}
    tests = [f"{FILE}::{name}" for name in judged]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *tests],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(judged)} passed" in done.stdout
