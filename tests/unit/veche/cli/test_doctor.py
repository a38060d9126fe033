from __future__ import annotations

import json
import logging
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from tests.unit.veche.cli.diagnosis.patients import patient
from veche.cli.diagnosis import machine
from veche.cli.diagnosis.finding import Check, Finding, folder_that_exists
from veche.cli.diagnosis.machine import EVERYWHERE
from veche.cli.doctor import CHECKS, diagnose, show
from veche.cli.main import main
from veche.protocol.errors import RefusedError
from veche.server import installed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No services are installed."""
    monkeypatch.setattr(installed, "entry_points", lambda group: () if group else None)


def well(_patient: object) -> Iterable[tuple[str, str]]:
    return ()


def ill(_patient: object) -> Iterable[tuple[str, str]]:
    yield "it hurts", "rest"
    yield "here too", ""


def refuse(_patient: object) -> Iterable[tuple[str, str]]:
    raise RefusedError("not today")


def broken(_patient: object) -> Iterable[tuple[str, str]]:
    raise ValueError("bug")


def test_each_check_is_said_once_if_well_and_each_fault_if_not(tmp_path: Path) -> None:
    checks: list[Check[object]] = [Check("a", well, "fine"), Check("b", ill, "fine")]
    assert list(diagnose(patient(tmp_path), checks)) == [
        Finding("a", is_ok=True, what="fine"),
        Finding("b", is_ok=False, what="it hurts", mend="rest"),
        Finding("b", is_ok=False, what="here too"),
    ]


def test_what_needs_a_bad_check_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    checks: list[Check[object]] = [
        Check("a", ill, ""),
        Check("b", broken, "", needs=("a",)),
        Check("c", broken, "", needs=("b",)),
    ]
    found = list(diagnose(patient(tmp_path), checks))[2:]
    assert [one.what for one in found] == [
        "not looked at, since a must be mended first",
        "not looked at, since b must be mended first",
    ]
    assert not any(one.is_ok for one in found)


def test_a_check_that_fails_does_not_hide_the_others(tmp_path: Path) -> None:
    checks: list[Check[object]] = [
        Check("a", broken, ""),
        Check("b", refuse, ""),
        Check("c", well, "fine"),
    ]
    found = list(diagnose(patient(tmp_path), checks))
    assert [one.is_ok for one in found] == [False, False, True]
    assert found[0].what == "the check itself failed: ValueError: bug"
    assert found[1].what == "not today"


def test_the_table_is_in_an_order_that_can_be_worked_off() -> None:
    seen: set[str] = set()
    rows = [(check.name, check.needs, check.well) for check in EVERYWHERE]
    rows += [(check.name, check.needs, check.well) for check in CHECKS]
    for name, needs, what in rows:
        assert set(needs) <= seen, name
        assert name not in seen
        assert what
        seen.add(name)


def test_a_finding_is_a_line_and_its_mend_another() -> None:
    assert show(Finding("a", is_ok=True, what="fine")) == "ok  a: fine\n"
    assert show(Finding("a", is_ok=False, what="bad", mend="do")) == "BAD a: bad\n    -> do\n"


def test_a_folder_that_is_not_there_yet_is_looked_at_from_above(tmp_path: Path) -> None:
    assert folder_that_exists(tmp_path / "a" / "b") == tmp_path
    assert folder_that_exists(tmp_path) == tmp_path


def test_a_wrong_configuration_is_all_that_can_be_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "veche.yaml"
    path.write_text("crypto: {key_pat: a}\n")
    assert main(["doctor", "--json", "-c", str(path)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in found if not one["is_ok"]} == {"configuration"}
    assert {one["name"] for one in found if one["is_ok"]} == {"python", "packages", "modules"}
    assert any("did you mean 'key_path'?" in one["what"] for one in found)


def test_a_service_that_cannot_be_imported_does_not_hide_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = EntryPoint("town", "nowhere.at_all:SERVICE", "veche.services")
    monkeypatch.setattr(installed, "entry_points", lambda group: (broken,) if group else ())
    monkeypatch.setattr(machine, "packages_distributions", lambda: {"bridges": ["bridges"]})
    one = patient(tmp_path)
    assert main(["doctor", "-c", str(one.config.path)]) == 1
    out = capsys.readouterr().out
    assert "BAD packages: bridges also installs 'bridges'" in out
    assert "BAD configuration: the service town (nowhere.at_all:SERVICE) cannot be imported" in out


def test_a_missing_configuration_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "-c", str(tmp_path / "none.yaml")]) == 1
    assert "BAD configuration: " in capsys.readouterr().out


def test_the_log_is_heard_again_after_it(tmp_path: Path) -> None:
    main(["doctor", "-c", str(tmp_path / "none.yaml")])

    assert logging.getLogger("veche").isEnabledFor(logging.WARNING)


def test_with_nothing_running_all_is_said_and_nothing_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = patient(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["doctor", "-c", str(one.config.path)]) == 1
    lines = capsys.readouterr().out.splitlines()

    assert "ok  secrets: all there and private" in lines
    assert any(line.startswith("BAD database: it does not answer") for line in lines)
    assert any(line.startswith("BAD homeserver: no answer") for line in lines)
    assert "BAD bots: not looked at, since loading and tables must be mended first" in lines
    assert sorted(tmp_path.iterdir()) == before
