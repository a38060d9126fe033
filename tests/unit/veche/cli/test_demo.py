from __future__ import annotations

import base64
import re
import stat
from typing import TYPE_CHECKING, Any

import attrs
import yaml
from nacl.signing import SigningKey

from appservices.acts.config import ActsSection
from appservices.acts.service import own_of
from appservices.agency import demo as office_demo
from appservices.agency.config import AgencySection
from appservices.app.config import AppSection
from appservices.payments import demo as payments_demo
from appservices.payments.config import OrganisationSection, PaymentsSection
from appservices.payments.demo.bank import ACCOUNT
from appservices.payments.demo.shop import DemoShop
from appservices.payments.demo_bank.__main__ import CUSTOMER
from appservices.payments.organisations.service.callers import organisation_keys
from appservices.signing import demo as signing_demo
from appservices.signing.config import SigningSection
from appservices.widgets.config import WidgetsSection
from homeserver_modules.event_guard import EventGuard
from homeserver_modules.official_accounts import OfficialAccounts
from homeserver_modules.official_accounts.confusables import load_confusables
from homeserver_modules.official_accounts.core.guard import NameGuard, Rule
from homeserver_modules.official_accounts.core.letters import Letters
from tests.support.processes import ROOT
from veche.acts import LastSigned
from veche.api.bearer import OrganisationKey
from veche.cli.demo import world
from veche.cli.demo.world import official_accounts
from veche.cli.processes.homeserver import HomeserverPlan, configuration, modules, registration
from veche.contracts.directory.snapshot import ProtectedName
from veche.protocol.texts.catalogue import LANGUAGES
from veche.runtime.config import KERNEL_SECTIONS, Section, load
from veche.runtime.crypto.keys import read_operator_key
from veche.runtime.matrix.registration import is_of_namespace
from veche.server import demo

if TYPE_CHECKING:
    from pathlib import Path

SECTIONS: dict[str, type[Section]] = {
    **KERNEL_SECTIONS,
    "acts": ActsSection,
    "agency": AgencySection,
    "app": AppSection,
    "payments": PaymentsSection,
    "widgets": WidgetsSection,
}
PAGES_URL = "http://localhost:8124"
APP_URL = "http://localhost:8125"
ADDRESSES = ("http://localhost:8123", PAGES_URL)
DEFINITIONS = ROOT / "config" / "services"


def plan(folder: Path) -> HomeserverPlan:
    return HomeserverPlan(
        folder=folder / "homeserver",
        server_name=demo.SERVER_NAME,
        port=8008,
        appservice_url="http://127.0.0.1:8009",
    )


def services_configuration(folder: Path) -> str:
    parts = demo.demo_parts(place(folder))
    return world.services_configuration(
        plan(folder),
        port=8009,
        database_url="host=/tmp dbname=veche",
        operator_key=folder / "operator_key",
        pages_url=PAGES_URL,
        sections={name: one for part in parts for name, one in part.sections.items()},
    )


def place(folder: Path) -> demo.Place:
    return demo.Place(folder, ROOT / "config", 8010, "http://localhost:8008", PAGES_URL, APP_URL)


def office() -> dict[str, Any]:
    (town,) = office_demo.agency_section(DEFINITIONS)["organisations"]
    (only,) = town["offices"]
    return {**only, "id": f"{town['id']}_{only['id']}"}


def test_the_kernel_and_the_services_take_the_generated_configuration(tmp_path: Path) -> None:
    path = tmp_path / "veche.yaml"
    path.write_text(services_configuration(tmp_path))

    read = load(path, {**SECTIONS, "signing": SigningSection})

    assert read["homeserver"].model_dump()["server_name"] == demo.SERVER_NAME
    assert read["listen"].model_dump()["port"] == 8009
    assert read["pages"].model_dump()["public_url"] == PAGES_URL
    assert read["pages"].model_dump()["port"] == 8124
    assert "http://localhost:8008" in read["widgets"].model_dump()["homeservers"]


def test_the_bot_of_the_office_is_the_one_that_people_are_told_to_write_to() -> None:
    bot = f"@veche_org_{office()['id']}:{demo.SERVER_NAME}"

    assert bot == office_demo.OFFICE_BOT
    assert is_of_namespace(bot, demo.SERVER_NAME)


def test_the_app_says_first_how_much_money_newcomers_get_and_how_long_a_key_waits(
    tmp_path: Path,
) -> None:
    written = yaml.safe_load(services_configuration(tmp_path))

    for text in written["app"]["notice"].values():
        assert written["payments"]["newcomer_grant"] in text
    assert "one minute" in written["app"]["notice"]["en"]
    assert written["approvals"]["key_hold"] == "1 min"


def test_the_staff_of_the_office_are_people_of_the_demo() -> None:
    people = {person.user_id for person in demo.PEOPLE}

    assert {one["user"] for one in office()["staff"]} <= people
    assert {one["role"] for one in office()["staff"]} == {"clerk", "decision_maker"}


def test_the_office_has_a_name_in_each_language() -> None:
    (town,) = office_demo.agency_section(DEFINITIONS)["organisations"]

    assert set(office()["name"]) == set(LANGUAGES)
    assert set(town["name"]) == set(LANGUAGES)


def test_the_desk_and_the_duty_of_the_staff_are_those_of_the_services() -> None:
    services = [yaml.safe_load((ROOT / path).read_text()) for path in office()["services"]]
    duties = [duty for one in office()["staff"] for duty in one.get("duties", [])]

    assert {one["review"]["desk"] for one in services if "review" in one} == {office_demo.DESK}
    assert {one["deadline"]["escalate_to"] for one in services} <= set(duties)


def test_the_first_service_of_the_menu_is_that_of_the_tutorial() -> None:
    assert office_demo.SERVICES[0] == "birth-certificate-copy"
    assert len(office()["services"]) == len(office_demo.SERVICES)


def test_the_services_of_the_office_are_in_the_checkout() -> None:
    assert all((ROOT / path).is_file() for path in office()["services"])


def test_a_password_is_made_once_and_nobody_else_reads_it(tmp_path: Path) -> None:
    first = world.password(tmp_path / "passwords", demo.ALICE)

    assert world.password(tmp_path / "passwords", demo.ALICE) == first
    assert world.password(tmp_path / "passwords", demo.CAROL) != first
    assert re.fullmatch(r"(?:[a-z2-9]{5}-){2}[a-z2-9]{5}", first)
    assert stat.S_IMODE((tmp_path / "passwords" / "alice").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "passwords").stat().st_mode) == 0o700


def test_the_operator_key_is_made_once_and_the_crypto_takes_it(tmp_path: Path) -> None:
    path = place(tmp_path).operator_key
    key = read_operator_key(path)

    assert read_operator_key(place(tmp_path).operator_key).name == key.name


def test_the_welcome_has_all_that_a_newcomer_needs_and_fits_the_terminal(tmp_path: Path) -> None:
    passwords = {person.name: f"password-of-{person.name}" for person in demo.PEOPLE}
    parts = demo.demo_parts(place(tmp_path))
    text = world.welcome(
        8123, passwords, tmp_path, pages_url=PAGES_URL, app_url=APP_URL, parts=parts
    )

    assert f". {tmp_path}/shop/env" in text
    bots = (office_demo.OFFICE_BOT, payments_demo.PAYMENTS_BOT, signing_demo.SIGNING_BOT)
    assert "    4. Alice has" in text
    for wanted in (*ADDRESSES, *bots, "Ctrl-C", *passwords.values()):
        assert wanted in text
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 92


def test_the_shop_can_ask_with_the_variables_of_its_file(tmp_path: Path) -> None:
    shop = DemoShop(tmp_path, PAGES_URL)
    section = OrganisationSection.model_validate(shop.section)
    lines = shop.write().read_text().splitlines()
    found = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    caller = organisation_keys([section], "en").caller(
        f"Bearer {found['VECHE_KEY']}", OrganisationKey("payout")
    )

    assert found["VECHE_API"] == f"{PAGES_URL}/_veche/payments/v1"
    assert caller.id == found["VECHE_ORGANISATION"]
    signer = SigningKey(base64.b64decode(found["VECHE_SIGNING_KEY"]))
    assert caller.public_key == bytes(signer.verify_key)
    assert shop.section == shop.section


def test_the_account_at_the_demo_bank_is_the_one_that_its_program_opens() -> None:
    assert ACCOUNT == CUSTOMER


def test_the_example_configuration_is_right() -> None:
    read = load(ROOT / "config" / "veche.example.yaml", SECTIONS)

    assert set(read) == set(SECTIONS)


def test_the_example_configuration_is_that_of_the_demo() -> None:
    (example,) = yaml.safe_load((ROOT / "config" / "veche.example.yaml").read_text())["agency"][
        "organisations"
    ]
    (town,) = office_demo.agency_section(DEFINITIONS)["organisations"]

    assert [one["id"] for one in example["offices"][0]["staff"]] == [
        one["id"] for one in office()["staff"]
    ]
    assert example["name"] == town["name"]


def test_the_example_registration_is_like_the_one_that_is_written(tmp_path: Path) -> None:
    example = yaml.safe_load((ROOT / "config" / "registration.example.yaml").read_text())
    made = registration(
        attrs.evolve(plan(tmp_path), server_name="example.org"), "http://127.0.0.1:8009"
    )

    secret = {"as_token", "hs_token"}
    assert set(example) == set(made)
    assert {key: example[key] for key in example if key not in secret} == {
        key: made[key] for key in made if key not in secret
    }


def test_the_example_modules_are_those_that_are_loaded(tmp_path: Path) -> None:
    example = yaml.safe_load((ROOT / "config" / "homeserver.modules.example.yaml").read_text())
    modules = [one["module"] for one in example["modules"]]

    assert modules == [one["module"] for one in configuration(plan(tmp_path))["modules"]]
    EventGuard.parse_config(example["modules"][0]["config"])
    OfficialAccounts.parse_config(example["modules"][1]["config"])


def test_people_and_bots_of_the_demo_are_called_as_they_are_and_nobody_else(tmp_path: Path) -> None:
    here = place(tmp_path)
    parts = demo.demo_parts(here)
    made = configuration(attrs.evolve(plan(tmp_path), modules=modules(official_accounts(parts))))
    config = OfficialAccounts.parse_config(made["modules"][1]["config"])
    (directory,) = config.directories
    (acts,) = (part.sections["acts"] for part in parts if "acts" in part.sections)
    own = own_of(
        ActsSection.model_validate(acts),
        demo.SERVER_NAME,
        read_operator_key(here.operator_key).seed,
        LastSigned(tmp_path),
        1,
    )
    assert own is not None
    assert (directory.url, directory.root) == (PAGES_URL, own.root)

    organisations = acts["directory"]["organisations"]
    listed = [
        *(ProtectedName(n.name, "", frozenset(n.accounts), n.appeal) for n in config.names),
        *(
            ProtectedName(name, one["id"], frozenset(one["bots"]), one["complaints"])
            for one in organisations
            for name in one["protects"]
        ),
    ]
    guard = NameGuard(listed, Letters(load_confusables()))
    for person in demo.PEOPLE:
        assert guard.check(person.display_name, person.user_id) is None
    assert len(listed) == (len(organisations) + 3) * len(LANGUAGES)
    assert set(office()["name"].values()) <= {one.name for one in listed}
    for one in listed:
        found = guard.check(one.name, demo.ALICE.user_id)
        assert found is not None
        assert found.rule is Rule.SAME
        assert all(guard.check(one.name, bot) is None for bot in one.accounts)
