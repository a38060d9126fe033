"""Pages that are not of Chromium alone, in Firefox: judging files, and the story of the app."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.long import some
from tests.support.node import firefox, why_no_firefox
from tests.support.processes import ROOT
from tests.widgets.driver import Driver
from tests.widgets.stage import Stages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RUN_S_MAX: Final = 420
JUDGED: Final = (
    "a container of any files is judged as a document is",
    "the root of another authority is chosen as a file",
    "a receipt after a document is a receipt",
)
STORY: Final = (
    "a stranger with the printed address alone gets an encrypted answer of an office",
    "the key of the device needs no code, its page leads back, and it pays",
)
TESTS: Final = ROOT / "tests" / "widgets"


@pytest.mark.skipif(bool(why_no_firefox()), reason=why_no_firefox())
@pytest.mark.timeout(RUN_S_MAX + 60)
def test_files_are_judged_in_firefox_too(tmp_path: Path) -> None:
    judged = some(JUDGED, ordinary=1)

    _play(tmp_path, "receipts", "signed_file.test.js", judged)


@pytest.mark.long
@pytest.mark.skipif(bool(why_no_firefox()), reason=why_no_firefox())
@pytest.mark.timeout(RUN_S_MAX + 240)
def test_a_stranger_gets_an_answer_and_pays_in_firefox_too(tmp_path: Path) -> None:
    _play(tmp_path, "up", "app_start.test.js", STORY)


def _play(folder: Path, stage: str, file: str, names: Sequence[str]) -> None:
    browser = {"VECHE_BROWSER": "firefox", "FIREFOX": str(firefox())}
    driver = Driver(folder / "driver.log", browser)
    with ExitStack() as stack:
        stack.callback(driver.stop)
        environment = Stages(folder, stack).begin(stage)
        played, said = driver.play(TESTS / file, names, environment, RUN_S_MAX)

    assert {name: one.message for name, one in played.items()} == dict.fromkeys(names, ""), said
