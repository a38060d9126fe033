"""How long a signature takes in a browser: a file of 100 pages, its stamp fetched in between.

``browser_ms`` is from the file's bytes to its bytes with the signature, with the picture in its
box, in Chromium on this machine, median of the runs; ``browser_floor_ms`` what none can do without:
SHA-256 of the file, one ECDSA, the same time stamp from the same place.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.support.node import chromium, node, why_no_browser
from tests.support.processes import ROOT
from tests.widgets.stage import pages, signing

RUNS: Final = 15
RUN_S_MAX: Final = 300
_PROGRAM: Final = ROOT / "tests" / "widgets" / "signing_speed.js"


def figures() -> dict[str, float]:
    """Milliseconds; nothing where there is no browser."""
    if why_no_browser():
        return {}
    with (
        tempfile.TemporaryDirectory(prefix="veche-bench-") as folder,
        pages(Path(folder)) as shown,
        signing(Path(folder)) as stage,
    ):
        stage.begin()
        done = subprocess.run(
            [str(node()), str(_PROGRAM), str(RUNS)],
            cwd=ROOT,
            env={**os.environ, "CHROMIUM": str(chromium()), **shown, **stage.environment},
            stdout=subprocess.PIPE,
            text=True,
            timeout=RUN_S_MAX,
            check=True,
        )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
