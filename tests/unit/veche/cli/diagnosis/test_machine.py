from __future__ import annotations

import shutil
import socket
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from tests.support.tables import each_row
from tests.unit.veche.cli.diagnosis.patients import homeserver, patient
from veche.cli.diagnosis import machine
from veche.cli.diagnosis.machine import (
    FREE_BYTES_MIN,
    OWNERS,
    homeserver_modules,
    look_at_disk,
    look_at_modules,
    look_at_packages,
    look_at_port,
    look_at_python,
    look_at_secrets,
    strangers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pytest


class Usage(NamedTuple):
    """As shutil's."""

    total: int
    used: int
    free: int


def test_this_python_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(look_at_python(patient(tmp_path))) == []

    monkeypatch.setattr(machine, "PYTHON_MIN", (99, 0))
    ((what, mend),) = look_at_python(patient(tmp_path))
    assert what.startswith("this is Python 3.")
    assert "3.11" in mend


@each_row(
    ("installers", "found"),
    [
        ({}, []),
        (OWNERS, []),
        ({"bridges": ["veche", "bridges"]}, [("bridges", "bridges")]),
        ({"psycopg2": ["psycopg2"]}, [("psycopg2", "psycopg2")]),
        ({"psycopg2": ["psycopg2", "psycopg2-binary"]}, [("psycopg2", "psycopg2")]),
        ({"veche": ["veche", "z", "a"]}, [("veche", "a"), ("veche", "z")]),
    ],
)
def test_a_package_that_overwrites_ours_is_named(
    installers: Mapping[str, Sequence[str]], found: list[tuple[str, str]]
) -> None:
    assert list(strangers(installers)) == found


def test_a_colliding_distribution_is_found_by_its_real_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "bridges-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bridges\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("bridges\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    ((what, mend),) = look_at_packages(patient(tmp_path))

    assert what == "bridges also installs 'bridges'"
    assert "separate environment" in mend


def test_a_service_and_modules_of_two_builds_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "veche_homeserver_modules-0.0.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: veche-homeserver-modules\nVersion: 0.0.9\n"
    )
    monkeypatch.syspath_prepend(str(site))

    ((what, mend),) = look_at_packages(patient(tmp_path))

    assert what == f"veche is {version('veche')}, but veche-homeserver-modules is 0.0.9"
    assert "both wheels of one build" in mend


def test_our_modules_of_the_homeserver_are_found_and_can_be_imported(tmp_path: Path) -> None:
    assert "homeserver_modules.event_guard" in homeserver_modules()
    assert list(look_at_modules(patient(tmp_path))) == []


def test_a_module_that_cannot_be_imported_is_named_with_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "homeserver_modules", lambda: ["nowhere_at_all"])
    ((what, _),) = look_at_modules(patient(tmp_path))
    assert what.startswith("nowhere_at_all cannot be imported: ModuleNotFoundError")


def test_an_old_synapse_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "version", lambda _: "1.99.0rc1")
    monkeypatch.setattr(machine, "homeserver_modules", list)
    ((what, _),) = look_at_modules(patient(tmp_path))
    assert what == "Synapse 1.99.0rc1 is too old"


def test_a_disk_with_little_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, count in ((FREE_BYTES_MIN, 0), (FREE_BYTES_MIN - 1, 1)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(1, 1, free))
        # Its data folder is not there yet: the folder above it is looked at, once.
        found = list(look_at_disk(patient(tmp_path)))
        assert len(found) in {count, 2 * count}


def test_a_free_port_and_any_port_are_fine(tmp_path: Path) -> None:
    assert list(look_at_port(patient(tmp_path))) == []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert list(look_at_port(patient(tmp_path, more=f"listen: {{port: {port}}}\n"))) == []


def test_a_port_that_another_program_has_is_named_with_the_program(tmp_path: Path) -> None:
    with homeserver({}) as other:
        port = other.url.rpartition(":")[2]
        ((what, mend),) = look_at_port(patient(tmp_path, more=f"listen: {{port: {port}}}\n"))
    assert f"port {port} is in use by process" in what
    assert "listen.port" in mend


def test_a_port_that_is_ours_already_is_fine(tmp_path: Path) -> None:
    with homeserver({"/health": (200, {"is_alive": True})}) as ours:
        port = ours.url.rpartition(":")[2]
        assert list(look_at_port(patient(tmp_path, more=f"listen: {{port: {port}}}\n"))) == []


def test_secrets_are_there_private_and_of_the_right_form(tmp_path: Path) -> None:
    one = patient(tmp_path)
    assert list(look_at_secrets(one)) == []

    (tmp_path / "as_token").chmod(0o644)
    (tmp_path / "hs_token").unlink()
    found = [what for what, _ in look_at_secrets(one)]
    assert len(found) == 2
    assert "homeserver.as_token_path: " in found[0]
    assert "chmod 600" in found[0]
    assert "homeserver.hs_token_path: " in found[1]


def test_an_operator_key_of_another_length_is_named(tmp_path: Path) -> None:
    one = patient(tmp_path)
    (tmp_path / "key").write_bytes(bytes(31))
    ((what, mend),) = look_at_secrets(one)
    assert "31 bytes" in what
    assert "bring the old one back" in mend
