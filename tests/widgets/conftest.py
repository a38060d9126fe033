"""Browser tests as tests of pytest: each ``test("a claim", …)`` of a ``*.test.js`` is one.

All files of a worker are played by one process of Node, with one browser (``driver.js``). What a
file needs, a line at its top says: ``// stage: pages`` (the pages alone), ``// stage: app`` (with
the app), ``// stage: receipts`` (with a file of receipts), ``// stage: large`` (with the largest
files), ``// stage: signing`` (with a session to sign), ``// stage: house`` (Synapse, the services,
persons with clients; ``ask`` of harness.js speaks with them), ``// stage: bank`` (the same with a
bank instead of the office) or ``// stage: up`` (what ``veche up`` starts). The first file that
needs a stage starts it, and the worker keeps it for the others: persons are new in each file. A
line ``// long`` right above a test leaves it to ``./run test --long``, where
``process.env.VECHE_LONG`` is 1.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from tests.support.node import why_no_browser
from tests.widgets.driver import Driver, Played
from tests.widgets.stage import STAGES, Stages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


@attrs.frozen
class Worker:
    """What a worker of pytest keeps for all files of browser tests."""

    stages: Stages
    driver: Driver
    stack: ExitStack


_WORKER: Final = pytest.StashKey[Worker]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what was kept."""
    if (worker := session.config.stash.get(_WORKER, None)) is not None:
        worker.stack.close()


def _worker(config: pytest.Config) -> Worker:
    worker = config.stash.get(_WORKER, None)
    if worker is None:
        # What `tmp_path_factory` gives; no fixture reaches a file that is not Python.
        factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
        folder, stack = factory.mktemp("widgets"), ExitStack()
        worker = Worker(Stages(folder, stack), Driver(folder / "driver.log"), stack)
        stack.callback(worker.driver.stop)
        config.stash[_WORKER] = worker
    return worker


class JavaScriptFile(pytest.File):
    """One file of browser tests."""

    _results: dict[str, Played]
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
        worker = _worker(self.config)
        environment = worker.stages.begin(stage[1])
        wanted = [i.name for i in self.session.items if i.parent is self]
        self._results, self._output = worker.driver.play(self.path, wanted, environment, RUN_S_MAX)

    def result(self, name: str) -> Played | None:
        """What became of a test; None if it did not end."""
        return self._results.get(name)

    @property
    def output(self) -> str:
        """What the process of Node wrote."""
        return self._output


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
        self.user_properties.append(("seconds", result.seconds))
        if result.message:
            raise JavaScriptError(f"{result.message}\n{self.parent.output}".rstrip())

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
