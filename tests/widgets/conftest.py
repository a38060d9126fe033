"""Browser tests as tests of pytest: each ``test("a claim", …)`` of a ``*.test.js`` is one.

A file runs as one process of Node, with one browser. Its stage is started before it, by a line at
the top of the file: ``// stage: pages`` (the pages alone), ``// stage: receipts`` (with a file of
receipts), ``// stage: signing`` (with a session to sign), ``// stage: house`` (Synapse, the
services, persons with clients; ``ask`` of harness.js speaks with them), ``// stage: bank`` (the
same with a bank instead of the office) or ``// stage: up`` (what ``veche up`` starts). A line
``// long`` right above a test leaves it to ``./run test --long``, where ``process.env.VECHE_LONG``
is 1.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.node import engine, node, why_no_browser
from tests.support.processes import ROOT
from tests.widgets.stage import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE: Final = ROOT / "tests" / "widgets"
RUN_S_MAX: Final = 600
"""How long all tests of one file may take."""
STAGE_S_MAX: Final = 240
"""How long their stage may take to come and go."""
_TEST: Final = re.compile(r'^(// long\n)?test\(\s*"((?:[^"\\]|\\.)+)"', re.MULTILINE)
_STAGE: Final = re.compile(r"^// stage: (\w+)$", re.MULTILINE)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the browser tests of a file."""
    if file_path.name.endswith(".test.js"):
        return JavaScriptFile.from_parent(parent, path=file_path)
    return None


class JavaScriptFile(pytest.File):
    """One file of browser tests."""

    _results: dict[str, dict[str, Any]]
    _output = ""

    def collect(self) -> Iterator[pytest.Item]:
        """The tests that the file names."""
        text = self.path.read_text(encoding="utf-8")
        for match in _TEST.finditer(text):
            line = text.count("\n", 0, match.start())
            test = JavaScriptTest.from_parent(self, name=json.loads(f'"{match[2]}"'), line=line)
            if match[1]:
                test.add_marker(pytest.mark.long)
            yield test

    def setup(self) -> None:
        """Run those tests of the file that are asked for."""
        if reason := why_no_browser():
            pytest.skip(reason)
        stage = _STAGE.search(self.path.read_text(encoding="utf-8"))
        if stage is None or stage[1] not in STAGES:
            pytest.fail(f"{self.path.name} needs a line `// stage: …`: {', '.join(STAGES)}")
        # What `tmp_path_factory` gives; no fixture reaches a file that is not Python.
        factory: pytest.TempPathFactory = self.config._tmp_path_factory  # type: ignore[attr-defined]
        folder = factory.mktemp(self.path.name.partition(".")[0])
        with STAGES[stage[1]](folder) as environment:
            self._run(folder / "results", environment)

    def result(self, name: str) -> dict[str, Any] | None:
        """What became of a test; None if it did not end."""
        return self._results.get(name)

    @property
    def output(self) -> str:
        """What the process of Node wrote."""
        return self._output

    def _run(self, results: Path, environment: dict[str, str]) -> None:
        wanted = [i.name for i in self.session.items if i.parent is self]
        patterns = [f"--test-name-pattern=/^{re.escape(name)}$/" for name in wanted]
        command = [
            str(node()),
            f"--test-reporter={HERE / 'reporter.js'}",
            f"--test-reporter-destination={results}",
            *patterns,
            str(self.path),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**os.environ, "CHROMIUM": str(engine()), **environment},
                capture_output=True,
                text=True,
                timeout=RUN_S_MAX,
                check=False,
            )
            self._output = done.stdout + done.stderr
        except subprocess.TimeoutExpired as e:
            self._output = f"not done after {RUN_S_MAX} s: {e.stdout!r}"
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
        self._results = {one["name"]: one for one in map(json.loads, lines)}


class JavaScriptTest(pytest.Item):
    """One browser test."""

    parent: JavaScriptFile

    def __init__(self, *, line: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._line = line
        # The first one of a file waits for all of them, and for their stage.
        self.add_marker(pytest.mark.timeout(RUN_S_MAX + STAGE_S_MAX))

    def runtest(self) -> None:
        """Tell what became of it; it ran with the others of its file."""
        result = self.parent.result(self.name)
        if result is None:
            raise JavaScriptError(f"it did not end:\n{self.parent.output}")
        if result["skipped"]:
            pytest.skip(result["message"] or "skipped")
        if not result["passed"]:
            raise JavaScriptError(f"{result['message']}\n{self.parent.output}".rstrip())

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message and stack of JavaScript alone."""
        if isinstance(excinfo.value, JavaScriptError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it is."""
        return self.path, self._line, self.name


class JavaScriptError(Exception):
    """A browser test failed."""
