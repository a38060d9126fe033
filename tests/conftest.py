"""What holds for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

from tests.support import services
from tests.support.people import why_not_rust
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Generator

LONGEST_FIRST: Final = ("stories", "widgets", "integration")
"""Folders whose files start homeservers and browsers: a long file that comes last leaves the other
cores of the machine with nothing to do."""

# A slow or busy machine is no reason to fail.
settings.register_profile(
    "veche", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("veche")


def pytest_report_header() -> list[str]:
    """What cannot be tested on this machine, and why."""
    reason = why_not_rust()
    return [f"skipped: {reason}"] if reason else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; with ``--no-loadscope-reorder`` files are given out so."""
    items.sort(key=_turn)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,  # noqa: ARG001 -- of the hook
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services of a house said beside a failure."""
    report = yield
    if report.failed and (said := services.logs()):
        report.sections.append(("services", said))
    return report


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)
