"""What holds for every test."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

from tests.support import services, temporary
from tests.support.long import LONG, is_long, many
from tests.support.people import why_not_rust
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from xdist.remote import Producer

LONGEST_FIRST: Final = ("stories", "widgets", "integration")
"""Folders whose files start homeservers and browsers: a long file that comes last leaves the other
cores of the machine with nothing to do."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that are ours."""
    parser.addoption("--long", action="store_true", help="run what takes long too, with many seeds")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Tell the processes of tests what kind of run this is, before any test is collected."""
    # Workers have the folder of who starts them.
    if "TMPDIR" not in os.environ and (place := temporary.memory()) is not None:
        folder = temporary.begin(place)
        config.add_cleanup(lambda: _end(config, folder))
        config.option.basetemp = config.option.basetemp or str(folder / "t")
    if config.getoption("long"):
        os.environ[LONG] = "1"
    # A slow or busy machine is no reason to fail.
    settings.register_profile(
        "veche",
        max_examples=many(ordinary=25, long=100),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    settings.load_profile("veche")


def pytest_report_header() -> list[str]:
    """What cannot be tested on this machine, and why."""
    reason = why_not_rust()
    return [f"skipped: {reason}"] if reason else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long, unless it is asked for, and begin with the longest of the rest.

    With ``--no-loadscope-reorder`` files are given out in that order.
    """
    if not is_long() and (left_out := [one for one in items if one.get_closest_marker("long")]):
        config.hook.pytest_deselected(items=left_out)
        items[:] = [one for one in items if not one.get_closest_marker("long")]
    items.sort(key=_turn)


def pytest_collection(session: pytest.Session) -> None:
    """Have each worker rewrite the assertions of another part of the tests first.

    All of them import all tests, and what is rewritten once is kept: in a new checkout each would
    rewrite everything otherwise.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    for path in sorted((ROOT / "tests").rglob("test_*.py"))[number::count]:
        with contextlib.suppress(Exception):  # it is collected later, and says then what is wrong
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays: thousands of collected tests and their modules."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> object:
    """Give out file by file where `./run` asks for that, but what shares a house together."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.support.sharing import ByHouse  # noqa: PLC0415 -- xdist is there then alone

    return ByHouse(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 -- of the hook
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services of a house said beside a failure."""
    report = yield
    if report.failed and (said := services.logs()):
        report.sections.append(("services", said))
    return report


def _end(config: pytest.Config, folder: Path) -> None:
    """Remove what is in memory; what a test that failed has left stays until the next run."""
    session: pytest.Session | None = config.pluginmanager.get_plugin("session")
    if session is None or not session.testsfailed:
        shutil.rmtree(folder, ignore_errors=True)


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
