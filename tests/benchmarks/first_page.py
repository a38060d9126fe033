"""How long a person waits for a page in a browser that has never been there, and what it loads.

``first_page_ms`` is from the address until the heading of the home page stands on the screen: in
Chromium, in a profile without any cache, over the loopback address, the median of ``RUNS``. The
other pages besides, ``…_first_ms``. ``…_script_kib`` is what scripts of a page take on the wire,
packed as the server sends them, and ``script_kib`` that of the largest page; ``…_all_kib``
everything. The baseline is the same for a document of the same server that loads nothing but a
style sheet.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.support.node import chromium, node, why_no_browser
from tests.support.processes import ROOT
from tests.widgets.stage import pages

RUNS: Final = 5
RUN_S_MAX: Final = 300
_PROGRAM: Final = ROOT / "tests" / "widgets" / "first_page.js"


def figures() -> dict[str, float]:
    """Milliseconds and KiB, by page; nothing where there is no browser."""
    if why_no_browser():
        return {}
    with tempfile.TemporaryDirectory(prefix="veche-bench-") as folder, pages(Path(folder)) as where:
        done = subprocess.run(
            [str(node()), str(_PROGRAM), str(RUNS)],
            cwd=ROOT,
            env={**os.environ, "CHROMIUM": str(chromium()), **where},
            stdout=subprocess.PIPE,
            text=True,
            timeout=RUN_S_MAX,
            check=True,
        )
    measured: dict[str, Any] = json.loads(done.stdout)
    found = {"first_page_ms": measured["home"]["first_ms"]}
    found |= {
        f"{page}_{figure}": value
        for page, one in measured.items()
        for figure, value in one.items()
        if page != "plain_baseline" or figure == "first_ms"
    }
    pages_kib = [one["script_kib"] for page, one in measured.items() if page != "plain_baseline"]
    return {**found, "script_kib": max(pages_kib)}
