from __future__ import annotations

import resource
import subprocess
import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import TYPE_CHECKING

import psycopg2.errors
import pytest

from tests.support.processes import ROOT
from veche.cli import main as module
from veche.cli.main import INTERRUPTED, KERNEL, features, main
from veche.protocol.errors import ConfigError, RefusedError

if TYPE_CHECKING:
    import argparse
    from argparse import Namespace

START_S_MAX = 0.3
"""How much CPU `veche --help` may take, which other work on the machine does not change."""


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A kernel's command `town` whose module the test fills."""
    fake = ModuleType("tests_town")
    fake.add_arguments = lambda parser: parser.add_argument("--name")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests_town", fake)
    monkeypatch.setattr(module, "KERNEL", {"town": ("tests_town", "do something"), **KERNEL})
    return fake


def test_a_command_runs_and_gives_the_exit_code(town: ModuleType) -> None:
    town.run = lambda arguments: len(arguments.name)  # type: ignore[attr-defined]
    assert main(["town", "--name", "abc"]) == 3


def test_an_error_of_ours_is_a_line_and_1(
    town: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Namespace) -> int:
        raise RefusedError("no such town")

    town.run = fail  # type: ignore[attr-defined]
    assert main(["town"]) == 1
    assert capsys.readouterr().err == "veche: no such town\n"


def test_an_error_of_many_lines_keeps_their_places(
    town: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Namespace) -> int:
        raise ConfigError("a.yaml:1: x\na.yaml:2: y")

    town.run = fail  # type: ignore[attr-defined]
    assert main(["town"]) == 1
    assert capsys.readouterr().err == "a.yaml:1: x\na.yaml:2: y\n"


def test_a_bug_is_not_hidden(town: ModuleType) -> None:
    town.run = lambda _: 1 / 0  # type: ignore[attr-defined]
    with pytest.raises(ZeroDivisionError):
        main(["town"])


def test_ctrl_c_ends_without_a_traceback(town: ModuleType) -> None:
    def interrupt(_: Namespace) -> int:
        raise KeyboardInterrupt

    town.run = interrupt  # type: ignore[attr-defined]
    assert main(["town"]) == INTERRUPTED


@pytest.mark.parametrize("words", [[], ["nope"], ["bench", "--nope"], ["db"], ["config", "nope"]])
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: veche" in capsys.readouterr().err


@pytest.mark.parametrize("name", KERNEL)
def test_each_command_of_the_kernel_explains_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert KERNEL[name][1][1:] in " ".join(capsys.readouterr().out.split())


def _add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    commands.add_parser("river").set_defaults(run=lambda _: 7)


def test_a_feature_adds_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("river", f"{__name__}:_add_commands", module.ENTRY_POINTS)
    monkeypatch.setattr(module, "entry_points", lambda group: [entry] if group else [])
    assert main(["river"]) == 7


def test_a_feature_that_is_broken_leaves_the_other_commands_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = EntryPoint("broken", "nowhere.at_all:add", module.ENTRY_POINTS)
    monkeypatch.setattr(module, "entry_points", lambda group: [broken] if group else [])
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "broken" in capsys.readouterr().out
    assert main(["bench", "--list"]) == 0


def test_no_feature_replaces_a_command_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("doctor", f"{__name__}:_add_commands", module.ENTRY_POINTS)
    monkeypatch.setattr(module, "entry_points", lambda group: [entry] if group else [])
    assert features() == {}


def test_help_is_fast_and_imports_no_command() -> None:
    code = (
        "import sys; from veche.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'twisted', 'pydantic', 'psycopg2', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    times = []
    for _ in range(3):
        started = _children_cpu_s()
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
        times.append(_children_cpu_s() - started)
        assert ended.returncode == 0, ended.stderr
        assert "start everything" in ended.stdout
    assert min(times) < START_S_MAX


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_version_names_the_commit(capsys: pytest.CaptureFixture[str]) -> None:
    git = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()

    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert f"+g{commit}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.yaml"), "a.yaml: No such file"),
        (ValueError("embedded null byte"), "has the character NUL"),
        (EOFError(), "nobody is at this terminal to answer"),
        (psycopg2.OperationalError("server gone\nat once"), "the database refuses: server gone;"),
        (
            psycopg2.errors.InsufficientPrivilege("permission denied"),
            "permission denied; try `veche",
        ),
    ],
)
def test_what_the_machine_refuses_is_a_line_and_no_traceback(
    error: Exception, said: str, town: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_arguments: object) -> int:
        raise error

    town.run = fail  # type: ignore[attr-defined]

    assert main(["town"]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("veche: ")
    assert told.count("\n") == 1


def test_a_bug_of_ours_is_still_a_traceback(town: ModuleType) -> None:
    def fail(_arguments: object) -> int:
        raise KeyError("bug")

    town.run = fail  # type: ignore[attr-defined]

    with pytest.raises(KeyError):
        main(["town"])


def test_output_that_nobody_reads_is_no_error() -> None:
    command = f"{sys.executable} -m veche.cli.main bench --help | head -1"
    ended = subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.stdout.startswith("usage: veche bench")
    assert "Traceback" not in ended.stderr
    assert "Exception" not in ended.stderr
