from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Any

import yaml

from tests.support.processes import ROOT
from veche.cli import demo
from veche.cli.homeserver import HomeserverPlan, registration
from veche.protocol.catalogue import LANGUAGES
from veche.runtime.config import KERNEL_SECTIONS, load
from veche.runtime.crypto.keys import read_operator_key

if TYPE_CHECKING:
    from pathlib import Path

DEFINITIONS = ROOT / "config" / "services"


def plan(folder: Path) -> HomeserverPlan:
    return HomeserverPlan(
        folder=folder / "homeserver",
        server_name=demo.SERVER_NAME,
        port=8008,
        appservice_url="http://127.0.0.1:8009",
    )


def services_configuration(folder: Path) -> str:
    return demo.services_configuration(
        plan(folder),
        port=8009,
        database_url="host=/tmp dbname=veche",
        operator_key=folder / "operator_key",
        definitions=DEFINITIONS,
    )


def office() -> dict[str, Any]:
    (town,) = demo.agency_section(DEFINITIONS)["organisations"]
    (only,) = town["offices"]
    return {**only, "id": f"{town['id']}_{only['id']}"}


def test_the_kernel_takes_the_generated_configuration(tmp_path: Path) -> None:
    content = yaml.safe_load(services_configuration(tmp_path))
    content.pop("agency")
    path = tmp_path / "veche.yaml"
    path.write_text(yaml.safe_dump(content))

    read = load(path, KERNEL_SECTIONS)

    assert read["homeserver"].model_dump()["server_name"] == demo.SERVER_NAME
    assert read["listen"].model_dump()["port"] == 8009


def test_the_bot_of_the_office_is_the_one_that_people_are_told_to_write_to(tmp_path: Path) -> None:
    bot = f"@veche_org_{office()['id']}:{demo.SERVER_NAME}"

    assert bot == demo.OFFICE_BOT
    assert re.match(registration(plan(tmp_path))["namespaces"]["users"][0]["regex"], bot)


def test_the_staff_of_the_office_are_people_of_the_demo() -> None:
    people = {person.user_id for person in demo.PEOPLE}

    assert {one["user"] for one in office()["staff"]} <= people
    assert {one["role"] for one in office()["staff"]} == {"clerk", "head"}


def test_the_office_has_a_name_in_each_language() -> None:
    (town,) = demo.agency_section(DEFINITIONS)["organisations"]

    assert set(office()["name"]) == set(LANGUAGES)
    assert set(town["name"]) == set(LANGUAGES)


def test_the_services_of_the_office_are_in_the_checkout() -> None:
    assert all((ROOT / path).is_file() for path in office()["services"])


def test_a_password_is_made_once_and_nobody_else_reads_it(tmp_path: Path) -> None:
    first = demo.password(tmp_path / "passwords", demo.ALICE)

    assert demo.password(tmp_path / "passwords", demo.ALICE) == first
    assert demo.password(tmp_path / "passwords", demo.CAROL) != first
    assert re.fullmatch(r"(?:[a-z2-9]{5}-){2}[a-z2-9]{5}", first)
    assert stat.S_IMODE((tmp_path / "passwords" / "alice").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "passwords").stat().st_mode) == 0o700


def test_the_operator_key_is_made_once_and_the_crypto_takes_it(tmp_path: Path) -> None:
    path = demo.operator_key(tmp_path / "operator_key")
    key = read_operator_key(path)

    assert read_operator_key(demo.operator_key(path)).name == key.name


def test_the_welcome_has_all_that_a_newcomer_needs_and_fits_the_terminal(tmp_path: Path) -> None:
    passwords = {person.name: f"password-of-{person.name}" for person in demo.PEOPLE}
    text = demo.welcome(8123, passwords, tmp_path)

    for wanted in ("http://localhost:8123", demo.OFFICE_BOT, "Ctrl-C", *passwords.values()):
        assert wanted in text
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 92
