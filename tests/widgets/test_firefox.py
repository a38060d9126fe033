"""Pages that are not of Chromium alone: judging files, by a worker, in Firefox."""

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
    from pathlib import Path

RUN_S_MAX: Final = 420
JUDGED: Final = (
    "a container of any files is judged as a document is",
    "the root of another authority is chosen as a file",
    "a receipt after a document is a receipt",
)
FILE: Final = ROOT / "tests" / "widgets" / "signed_file.test.js"


@pytest.mark.skipif(bool(why_no_firefox()), reason=why_no_firefox())
@pytest.mark.timeout(RUN_S_MAX + 60)
def test_files_are_judged_in_firefox_too(tmp_path: Path) -> None:
    judged = some(JUDGED, ordinary=1)
    browser = {"VECHE_BROWSER": "firefox", "FIREFOX": str(firefox())}
    driver = Driver(tmp_path / "driver.log", browser)
    with ExitStack() as stack:
        stack.callback(driver.stop)
        environment = Stages(tmp_path, stack).begin("receipts")
        played, said = driver.play(FILE, judged, environment, RUN_S_MAX)

    assert {name: one.message for name, one in played.items()} == dict.fromkeys(judged, ""), said
