"""The process of Node that plays files of browser tests for a worker of pytest; see driver.js."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from typing import IO, TYPE_CHECKING, Final

import attrs

from tests.support.node import chromium, engine, node
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROGRAM: Final = ROOT / "tests" / "widgets" / "driver.js"
STOP_S_MAX: Final = 20


@attrs.frozen
class Played:
    """What became of a test.

    Attributes:
        message: Why it failed; empty if it passed.
        seconds: How long it took.
    """

    message: str
    seconds: float


@attrs.define
class Driver:
    """Plays files one after another, with one browser for all of them.

    Attributes:
        log_path: Where what the process writes is appended.
        browser: Environment variables that name another browser than Chromium.
    """

    log_path: Path
    browser: Mapping[str, str] = attrs.field(factory=dict)
    _process: subprocess.Popen[str] | None = None
    _lines: queue.SimpleQueue[str] = attrs.field(factory=queue.SimpleQueue)

    def play(
        self, file: Path, names: Sequence[str], environment: Mapping[str, str], seconds_max: float
    ) -> tuple[dict[str, Played], str]:
        """Play tests of a file.

        Args:
            file: Where they are.
            names: Theirs.
            environment: Where the pages are, and who stands behind them.
            seconds_max: After which the process is ended.

        Returns:
            What became of those that ended, and what the process wrote meanwhile.
        """
        process = self._process or self._start()
        written = self.log_path.stat().st_size
        asked = {"file": str(file), "names": list(names), "environment": dict(environment)}
        assert process.stdin is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        results: dict[str, Played] = {}
        error = ""
        deadline = time.monotonic() + seconds_max
        try:
            while "error" not in (line := json.loads(self._next(deadline))):
                results[line["name"]] = Played(line["message"], line["seconds"])
            error = line["error"]
        except queue.Empty:
            error = f"not done after {seconds_max} s"
            self.stop()
        except EOFError:
            error = "the process of Node ended"
            self.stop()
        said = self.log_path.read_bytes()[written:].decode(errors="replace")
        return results, f"{error}\n{said}".strip()

    def stop(self) -> None:
        """End the process and its browser."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S_MAX)

    def _start(self) -> subprocess.Popen[str]:
        with self.log_path.open("ab") as log:
            process = subprocess.Popen(
                [str(node()), str(PROGRAM)],
                cwd=ROOT,
                env={
                    **os.environ,
                    "CHROMIUM": str(engine()),
                    "CHROMIUM_WHOLE": str(chromium()),
                    **self.browser,
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        self._process, self._lines = process, queue.SimpleQueue()
        reader = (process.stdout, self._lines)
        threading.Thread(target=_read, args=reader, name="driver", daemon=True).start()
        return process

    def _next(self, deadline: float) -> str:
        line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        if not line:
            raise EOFError
        return line


def _read(output: IO[str], lines: queue.SimpleQueue[str]) -> None:
    with output:
        for line in output:
            lines.put(line)
    lines.put("")
