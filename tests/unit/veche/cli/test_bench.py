from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from veche.cli import bench
from veche.cli.bench import benchmarks, checkout, show
from veche.cli.main import main
from veche.protocol.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout with the benchmarks `a` and `b`."""
    folder = tmp_path / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    for name, value in (("a", 1.25), ("b", 2000.0)):
        (folder / f"bench_{name}.py").touch()
        fake = ModuleType(f"tests.benchmarks.bench_{name}")
        fake.run = lambda value=value: {"read_us": value}  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, fake.__name__, fake)
    monkeypatch.setattr(bench, "checkout", lambda: tmp_path)


@pytest.mark.usefixtures("two")
def test_all_run_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 0
    assert capsys.readouterr().out == ("a\n  read_us           1.2\nb\n  read_us       2,000.0\n")


@pytest.mark.usefixtures("two")
def test_one_runs_by_its_name_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "b", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"b": {"read_us": 2000.0}}


@pytest.mark.usefixtures("two")
def test_an_unknown_name_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "c"]) == 1
    assert "no benchmark 'c': a, b" in capsys.readouterr().err


@pytest.mark.usefixtures("two")
def test_they_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--list"]) == 0
    assert capsys.readouterr().out == "a\nb\n"


def test_the_benchmarks_of_this_checkout_have_a_run() -> None:
    found = benchmarks(checkout())
    assert found["database"] == "tests.benchmarks.bench_database"


def test_without_a_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "site" / "veche" / "cli" / "bench.py"))
    with pytest.raises(ConfigError, match="clone the repository"):
        checkout()


def test_no_figures_are_a_name_alone() -> None:
    assert show("a", {}) == "a\n"
