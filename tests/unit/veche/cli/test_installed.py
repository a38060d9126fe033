from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from veche.protocol.errors import ConfigError
from veche.runtime.config import Config, Section
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.server import installed as module
from veche.server.installed import (
    PATH_VARIABLE,
    chosen_services,
    config_path,
    migration_sets,
    read_config,
    service_specs,
)
from veche.server.spec import ENTRY_POINTS, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Sequence


class TownSection(Section):
    """A town."""


def _make(_host: object, _section: object) -> Any:
    raise NotImplementedError


TOWN = ServiceSpec("town", TownSection, MigrationSet("town", "tests.unit"), _make)

CONFIG = """\
homeserver:
  {url: http://127.0.0.1:1, server_name: a.test, as_token_path: a, hs_token_path: b}
database: {folder: pg}
crypto: {key_path: key}
"""


def entry(name: str, value: str = f"{__name__}:TOWN") -> EntryPoint:
    return EntryPoint(name, value, ENTRY_POINTS)


def install(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    monkeypatch.setattr(module, "entry_points", lambda group: entries if group else ())


def config(folder: Path, text: str = "") -> Config:
    path = folder / "veche.yaml"
    path.write_text(CONFIG + text)
    return read_config(path, {"town": TOWN})


def test_services_are_found_by_their_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, entry("town"))
    assert service_specs() == {"town": TOWN}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (entry("town", "nowhere.at_all:SERVICE"), "town .* cannot be imported in this Python"),
        (entry("town", f"{__name__}:NONE"), "cannot be imported"),
        (entry("town", f"{__name__}:CONFIG"), "is not the ServiceSpec of town"),
        (entry("village"), "is not the ServiceSpec of village"),
    ],
)
def test_a_broken_service_is_named(
    monkeypatch: pytest.MonkeyPatch, broken: EntryPoint, message: str
) -> None:
    install(monkeypatch, broken)
    with pytest.raises(ConfigError, match=message):
        service_specs()


def test_the_configuration_is_the_given_the_named_or_a_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PATH_VARIABLE, raising=False)
    usual = tmp_path / "veche.yaml"
    monkeypatch.setattr(module, "DEFAULT_PATHS", (tmp_path / "none", usual))
    with pytest.raises(ConfigError, match="name it with -c FILE"):
        config_path(None)

    usual.touch()
    assert config_path(None) == usual
    monkeypatch.setenv(PATH_VARIABLE, "/named.yaml")
    assert config_path(None) == Path("/named.yaml")
    assert config_path(Path("given.yaml")) == Path("given.yaml")


@pytest.mark.parametrize("names", [["town"], ["all"], ["town", "town"]])
def test_configured_services_are_chosen_once(tmp_path: Path, names: Sequence[str]) -> None:
    assert chosen_services(config(tmp_path, "town: {}"), names) == ["town"]


def test_a_service_without_a_section_cannot_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no section 'town'"):
        chosen_services(config(tmp_path), ["town"])
    with pytest.raises(ConfigError, match="no section of any service"):
        chosen_services(config(tmp_path), ["all"])


def test_the_kernels_migrations_come_first() -> None:
    assert migration_sets({"town": TOWN}) == [*KERNEL_SETS, TOWN.migrations]
