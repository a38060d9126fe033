from __future__ import annotations

import base64
import re
import stat
from typing import TYPE_CHECKING, Any

import attrs
import yaml

from veche.cli.processes.homeserver import (
    DELIVERY,
    EVENT_GUARD,
    OFFICIAL_ACCOUNTS,
    HomeserverPlan,
    configuration,
    postgres_database,
    secret,
    sqlite_database,
    write_configuration,
)
from veche.runtime.config.secret_files import write_private

if TYPE_CHECKING:
    from pathlib import Path


def plan(folder: Path) -> HomeserverPlan:
    return HomeserverPlan(
        folder=folder / "homeserver",
        server_name="town.example.org",
        port=8008,
        appservice_url="http://127.0.0.1:8009",
    )


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def written(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


def test_everything_stays_as_it_is_when_it_is_written_again(tmp_path: Path) -> None:
    write_configuration(plan(tmp_path))
    before = files(tmp_path / "homeserver")
    write_configuration(plan(tmp_path))

    assert files(tmp_path / "homeserver") == before


def test_nobody_else_reads_what_is_written(tmp_path: Path) -> None:
    write_configuration(plan(tmp_path))

    assert {mode(path) for path in (tmp_path / "homeserver").iterdir()} == {0o600}
    assert mode(tmp_path / "homeserver") == 0o700


def test_no_secret_is_in_the_configuration_itself(tmp_path: Path) -> None:
    write_configuration(plan(tmp_path))
    folder = tmp_path / "homeserver"
    text = (folder / "homeserver.yaml").read_text()

    for name in ("macaroon_secret_key", "form_secret", "registration_shared_secret", "as_token"):
        assert (folder / name).read_text().strip() not in text


def test_a_changed_plan_changes_the_configuration_and_no_secret(tmp_path: Path) -> None:
    write_configuration(plan(tmp_path))
    before = written(tmp_path / "homeserver" / "registration.yaml")
    write_configuration(
        attrs.evolve(plan(tmp_path), port=9008, appservice_url="http://127.0.0.1:9")
    )
    after = written(tmp_path / "homeserver" / "registration.yaml")

    assert after == {**before, "url": "http://127.0.0.1:9"}
    assert written(tmp_path / "homeserver" / "homeserver.yaml")["listeners"][0]["port"] == 9008


def test_synapse_listens_on_this_machine_alone(tmp_path: Path) -> None:
    (listener,) = configuration(plan(tmp_path))["listeners"]

    assert listener["bind_addresses"] == ["127.0.0.1"]
    assert listener["resources"] == [{"names": ["client", "openid"], "compress": False}]


def test_synapse_loads_our_modules_unless_the_plan_says_otherwise(tmp_path: Path) -> None:
    bare = attrs.evolve(plan(tmp_path), modules=())

    assert [one["module"] for one in configuration(plan(tmp_path))["modules"]] == [
        EVENT_GUARD,
        OFFICIAL_ACCOUNTS,
        DELIVERY,
    ]
    assert configuration(bare)["modules"] == []


def test_settings_of_the_plan_win(tmp_path: Path) -> None:
    special = attrs.evolve(
        plan(tmp_path), settings={"rc_message": {"per_second": 1, "burst_count": 1}}
    )

    assert configuration(special)["rc_message"] == {"per_second": 1, "burst_count": 1}


def test_no_experimental_feature_is_switched_on(tmp_path: Path) -> None:
    assert "experimental_features" not in configuration(plan(tmp_path))


def test_without_an_application_service_there_is_no_registration(tmp_path: Path) -> None:
    bare = attrs.evolve(plan(tmp_path), appservice_url=None)
    write_configuration(bare)

    assert not bare.registration_path.exists()
    assert configuration(bare)["app_service_config_files"] == []


def test_the_database_is_sqlite_unless_the_plan_has_another(tmp_path: Path) -> None:
    on_postgres = attrs.evolve(plan(tmp_path), database=postgres_database("dbname=synapse"))

    expected = sqlite_database(tmp_path / "homeserver")
    assert configuration(plan(tmp_path))["database"] == expected
    assert configuration(on_postgres)["database"]["args"]["dsn"] == "dbname=synapse"


def test_the_signing_key_has_the_form_that_synapse_reads(tmp_path: Path) -> None:
    write_configuration(plan(tmp_path))
    algorithm, version, seed = (tmp_path / "homeserver" / "signing.key").read_text().split()

    assert algorithm == "ed25519"
    assert re.fullmatch(r"a_[0-9a-f]{6}", version)
    assert len(base64.b64decode(seed + "=")) == 32
    assert "=" not in seed


def test_secrets_are_made_once_and_differ(tmp_path: Path) -> None:
    first = secret(tmp_path / "one")

    assert secret(tmp_path / "one") == first
    assert secret(tmp_path / "two") != first
    assert len(first) >= 43


def test_a_private_file_replaces_an_open_one_and_its_broken_draft(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / "token.new").write_text("half of a dra")

    write_private(path, b"\x00new")

    assert path.read_bytes() == b"\x00new"
    assert mode(path) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["token"]


def test_the_homeserver_works_out_no_servers_to_send_to(tmp_path: Path) -> None:
    assert configuration(plan(tmp_path))["send_federation"] is False
