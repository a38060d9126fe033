"""An ordinary run leaves out what takes long, and `--long` runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.long import LONG, many, seeds, some
from tests.support.processes import ROOT


@pytest.mark.long
def test_only_a_long_run_has_many() -> None:
    assert many(ordinary=1, long=9) == 9
    assert some(range(9), ordinary=2) == list(range(9))


def test_an_ordinary_run_spreads_the_few_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LONG, raising=False)
    monkeypatch.delenv("VECHE_SEED", raising=False)

    assert many(ordinary=1, long=9) == 1
    assert some(range(9), ordinary=3) == [0, 4, 8]
    assert some(range(9), ordinary=1) == [0]
    assert some(range(2), ordinary=3) == [0, 1]
    assert seeds(ordinary=2, long=9, first=1) == range(1, 3)


def test_a_seed_that_is_asked_for_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECHE_SEED", "7")

    assert list(seeds(ordinary=2, long=9)) == [7]


@pytest.mark.parametrize("options", [[], ["--long"]], ids=["ordinary", "long"])
def test_only_the_option_collects_what_takes_long(options: list[str]) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if name != LONG}
    collected = subprocess.run(
        [*command, *options, __file__],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert ("test_only_a_long_run_has_many" in collected) is bool(options)
