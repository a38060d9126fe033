"""Programs with persons in browsers, on the real pages, with the service of a test behind them."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

from tests.support.node import node
from tests.support.processes import ROOT
from tests.widgets.stage import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PROGRAMS: Final = ROOT / "tests" / "widgets"


def play(
    program: str,
    folder: Path,
    service_port: int | None,
    browser: Mapping[str, str],
    answer: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> Any:
    """Run a program to its end.

    Args:
        program: Its file, in ``tests/widgets``.
        folder: For the log of the pages.
        service_port: Of the service behind them.
        browser: The environment that chooses it.
        answer: What is answered to each line that the program says.

    Returns:
        The line that has ``outcomes``.
    """
    with pages(folder, service_port) as where:
        running = subprocess.Popen(
            [str(node()), str(PROGRAMS / program)],
            cwd=ROOT,
            env={**os.environ, **where, **browser},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with running:
            assert running.stdin is not None
            assert running.stdout is not None
            for line in running.stdout:
                told = json.loads(line)
                running.stdin.write(json.dumps(answer(told)) + "\n")
                running.stdin.flush()
                if "outcomes" in told:
                    return told
            assert running.stderr is not None
            raise AssertionError(running.stderr.read())
