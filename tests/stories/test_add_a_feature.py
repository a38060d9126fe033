"""The feature of `docs/development/add-a-feature.md`, built from the page, works beside Veche."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from tests.support.catalogues import catalogue_problems
from tests.support.customers import Customer
from tests.support.example_feature import PACKAGE, write_feature
from tests.support.postgres import session
from tests.support.processes import ROOT, TIMEOUT_S, Child, wait_until
from tests.support.services import House, house
from veche.messaging import jobs
from veche.protocol.ids import EffectId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.calls import Answer
    from tests.support.people import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

KEY: Final = "org.example.permit"
SECTION: Final = {"id": "lindenau", "name": {"en": "Parking in Lindenau"}}
VECHE: Final = (sys.executable, "-m", "veche.cli.main")
PROGRAM: Final = (sys.executable, "-m", "tests.support.as_on_the_page")
"""Checks the configuration, makes the tables and runs the service, as the page says."""


@attrs.frozen
class Site:
    """A house in which the feature is installed, and somebody who uses it."""

    house: House
    configuration: Path
    alice: Customer

    def ask(self, words: str) -> None:
        """Have Alice write to the bot."""
        self.alice.person.send(self.alice.room, words)

    def expect(self, words: str) -> Message:
        """Wait for what the bot says next that has these words."""
        return self.alice.person.wait_for(self.alice.room, words)

    def permits(self, *, is_signed_in: bool = True) -> Answer:
        """What a page of Alice's is told."""
        path = "/_veche/parking/v1/permits"
        return self.alice.call("GET", path, is_signed_in=is_signed_in)

    def listed(self) -> str:
        """What the operator's command says."""
        log = self.configuration.with_suffix(".listed")
        log.unlink(missing_ok=True)
        command = (*VECHE, "parking", "list", "-c", str(self.configuration))
        child = Child(command, ROOT, log)
        child.start()
        wait_until(lambda: not child.is_running, TIMEOUT_S, "it does not end")
        assert child.exit_code == 0, child.log()
        return child.log()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder into which pip has put the feature, seen by all processes that start now."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    write_feature(source)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index")
    output([*pip, "--no-deps", "--no-build-isolation", "--target", str(target), str(source)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(target), prepend=os.pathsep)
        yield target


@pytest.fixture(scope="module")
def site(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:  # noqa: ARG001 -- on the path
    folder = tmp_path_factory.mktemp("house")
    sections = {PACKAGE: SECTION}
    with house(folder, program=PROGRAM, sections=sections, migrations=(), has_pages=True) as one:
        alice = Customer.sign_in(one, one.person("alice"), bot_of(one))
        yield Site(one, folder / "veche-0.yaml", alice)


def bot_of(one: House) -> str:
    return f"@veche_parking:{one.server.plan.server_name}"


def output(command: Sequence[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_permit_is_given_listed_and_ends(site: Site) -> None:
    site.ask("permit ab-12 cd")
    given = site.expect("AB12CD may park until")
    permit = given.content[KEY]
    held, listed = site.permits(), site.listed()
    [(permit_id,)] = site.house.query("SELECT id FROM parking.permit")
    with session(site.house.dsn) as connection, connection.cursor() as txn:
        jobs.hasten(txn, EffectId(str(permit_id)), given.at_ms)
        connection.commit()
    site.expect("The permit of AB12CD has ended.")

    assert permit == {"v": 1, "plate": "AB12CD", "until_ms": permit["until_ms"]}
    assert permit["until_ms"] > given.at_ms
    assert (held.status, held.body) == (200, {"permits": [permit]})
    assert listed.startswith("AB12CD until ")
    assert listed.endswith(f", {site.alice.person.user_id}\n")
    assert (site.permits().body, site.listed()) == ({"permits": []}, "")


def test_what_is_no_number_plate_gets_no_permit(site: Site) -> None:
    site.ask("permit Ü!")
    said = site.expect("This is no number plate.")

    assert KEY not in said.content
    assert site.permits().body == {"permits": []}


def test_nobody_has_more_permits_than_the_bound(site: Site) -> None:
    for number in range(1, 5):
        site.ask(f"permit AA {number}")
    site.expect("Permits at a time: at most 3.")

    plates = [one["plate"] for one in site.permits().body["permits"]]
    assert plates == ["AA1", "AA2", "AA3"]


def test_only_whoever_is_signed_in_sees_permits(site: Site) -> None:
    assert site.permits(is_signed_in=False).status == 401


@pytest.mark.parametrize("plate", ["AB12CD", "ab 12"])
def test_the_homeserver_takes_well_formed_permits_alone(site: Site, plate: str) -> None:
    server = site.house.server
    token = server.login(site.alice.person.user_id)
    room = server.call("POST", "/_matrix/client/v3/createRoom", token=token, body={}).body
    content: dict[str, Any] = {"msgtype": "m.text", "body": "x"}
    content[KEY] = {"v": 1, "plate": plate, "until_ms": 1}
    path = f"/_matrix/client/v3/rooms/{room['room_id']}/send/m.room.message/{len(plate)}"
    answer = server.call("PUT", path, token=token, body=content)

    is_good = plate == "AB12CD"
    assert answer.status == (200 if is_good else 400)
    assert is_good or answer.body["field"] == f"{KEY}.plate"


def test_every_text_is_there_in_every_language(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(installed)
    assert catalogue_problems(PACKAGE) == []
