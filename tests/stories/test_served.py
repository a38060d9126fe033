"""A decision reaches somebody of another server: one receipt says how far it came, to everybody."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from appservices.agency import demo as office_demo
from appservices.agency.deliveries.core import DELIVERY_KEY
from appservices.agency.deliveries.service import FOLLOW
from appservices.agency.verifying.deliveries import WELL_KNOWN
from tests.stories.office import ENGLISH, Applicant, Desk, Room, Way
from tests.support.calls import request
from tests.support.node import node
from tests.support.people import Kind, Person
from tests.support.processes import ROOT, wait_until
from tests.support.services import Place, house
from tests.support.synapse_federation import federated_homeserver
from veche.cli.processes.homeserver import modules
from veche.messaging.jobs import CHANNEL
from veche.server.demo import SERVER_NAME, TOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.services import House

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

RULE: Final[Mapping[str, Any]] = {"days": 4, "law": {"en": "§ 41 (2) VwVfG"}}
LAW: Final = RULE["law"]["en"]
FIVE_DAYS_MS: Final = 5 * 86_400_000
SENT: Final = [("accepted", "outbox"), ("delivered", "acknowledged")]
"""How far a message has come that another server has, and nobody has looked at."""
ON_THE_PAGE: Final = """
import {{ readDelivery, verifyDelivery }} from "{static}/verify/delivery.js";
import {{ readKey }} from "{static}/verify/notes.js";
const given = {given};
const value = readDelivery(Buffer.from(given.file, "base64"));
const {{ receipt, served }} = await verifyDelivery(value, [await readKey(given.key)]);
console.log(JSON.stringify({{ sha256: receipt.sha256, served }}));
"""


class Town:
    """The demo's office under the name of a server that others reach."""

    def __init__(self) -> None:
        self.name = ""

    def modules(self, name: str, _pages: str) -> Sequence[Mapping[str, Any]]:
        self.name = name
        return modules({})

    def sections(self, _pages: str) -> dict[str, Any]:
        section = office_demo.agency_section(ROOT / "config" / "services")
        section["organisations"][0]["deemed_served"] = RULE
        text = json.dumps({"agency": section}).replace(f":{SERVER_NAME}", f":{self.name}")
        moved: dict[str, Any] = json.loads(text)
        return moved

    @property
    def office(self) -> str:
        return office_demo.OFFICE_BOT.replace(f":{SERVER_NAME}", f":{self.name}")


@attrs.frozen
class Receipt:
    """A receipt of delivery, as a person has it."""

    data: bytes

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.data)[DELIVERY_KEY]
        return body

    @property
    def stages(self) -> list[tuple[str, str]]:
        return [(one["stage"], one["how"]) for one in self.body["stages"]]

    def by_command(self, folder: Path, key: str) -> str:
        """What `veche verify` says of it, which asks nobody."""
        path = folder / "delivery.json"
        path.write_bytes(self.data)
        command = [sys.executable, "-m", "veche.cli.main", "verify", str(path), "--key", key]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def by_page(self, key: str) -> dict[str, Any]:
        """What the page finds, in the code that a browser loads."""
        given = {"file": base64.b64encode(self.data).decode(), "key": key}
        static = (ROOT / "appservices" / "widgets" / "static").as_uri()
        program = ON_THE_PAGE.format(static=static, given=json.dumps(given))
        command = [str(node()), "--input-type=module", "--eval", program]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found: dict[str, Any] = json.loads(said)
        return found


def test_a_decision_is_served_and_one_receipt_proves_it(tmp_path: Path) -> None:
    town = Town()
    place = Place(is_federated=True, modules=town.modules)
    with (
        house(tmp_path / "town", has_pages=place, sections=town.sections) as home,
        federated_homeserver(tmp_path / "far") as far,
    ):
        desk = Desk(home.person("carol"), town.office)
        dave = Person.start(Kind.NIO, far.plan.url, far.register("dave"), is_verified=True)
        try:
            chat = Room(dave, dave.create_dm(town.office), office=town.office)
            applicant = Applicant(dave, chat, Way.TEXT)
            applicant.choose("Which language do you prefer?", ENGLISH)
            number, case = applicant.apply()
            refuse(desk, number)
            refusal = case.expect("How to appeal")

            # The other server has acknowledged it. Dave has shown nothing.
            wait_for_stage(home, "acknowledged")
            case.say("receipt")
            early = receipt(case)

            # By the rule it is served, and so the case says. Dave answers late.
            days_pass(home)
            by_rule = receipt(case)
            case.say("status")
            case.expect("served")
            case.person.reply(case.room, refusal.event_id, "I have found it only now.")
            wait_for_stage(home, "answer")
            case.say("receipt")
            late = receipt(case)
        finally:
            dave.stop()
        key = log_key(home)

    assert early.stages == SENT
    assert "served     not yet" in early.by_command(tmp_path, key)
    assert by_rule.stages == [*SENT, ("deemed", "rule")]
    assert late.stages == [*SENT, ("deemed", "rule"), ("displayed", "answer")]
    # It says nothing of the decision but its hash, and everybody who has that can check it.
    sha256 = hashlib.sha256(refusal.body.encode()).hexdigest()
    assert refusal.body not in str(late.body)
    told = late.by_command(tmp_path, key)
    assert f"sha256     {sha256}" in told
    assert LAW in told
    assert "not yet" not in told
    page = late.by_page(key)
    assert page["sha256"] == sha256
    assert page["served"] == by_rule.body["stages"][-1]


def refuse(desk: Desk, number: str) -> None:
    """The clerk refuses a case."""
    thread = desk.claimed(number)
    thread.choose(thread.expect("What is decided?"), "refuse")
    words = {"reason": "not_found", "text": "The register begins in 1950."}
    thread.answer(thread.expect("For which reason"), data=words)
    thread.expect("This case is closed: refused.")


def wait_for_stage(home: House, how: str) -> None:
    """Return once this is known of the one message that is followed."""

    def is_known() -> bool:
        [(facts,)] = home.query("SELECT facts::text FROM agency.delivery")
        return how in [one["how"] for one in json.loads(str(facts))]

    wait_until(is_known, 60, f"nobody learned of {how}")


def days_pass(home: House) -> None:
    """What is known lies five days back, and the office looks again."""
    home.query(
        "UPDATE agency.delivery SET made_at_ms = made_at_ms - %s, facts = (SELECT jsonb_agg("
        " jsonb_set(one, '{at_ms}', to_jsonb((one->>'at_ms')::bigint - %s))"
        " ORDER BY place) FROM jsonb_array_elements(facts::jsonb) WITH ORDINALITY AS f(one, place))"
        " RETURNING 1",
        FIVE_DAYS_MS,
        FIVE_DAYS_MS,
    )
    home.query(
        "UPDATE runtime.errand SET due_at_ms = 0 WHERE kind = %s AND worker IS NULL"
        " RETURNING pg_notify(%s, kind)",
        FOLLOW,
        CHANNEL,
    )


def receipt(case: Room) -> Receipt:
    """The next receipt that comes into the room of a case."""
    file = case.expect("Receipt of delivery")
    return Receipt(case.person.download(file.content))


def log_key(home: House) -> str:
    """The key of the log of acts, as everybody gets it."""
    answer = request("GET", f"{home.pages_url}{WELL_KNOWN}?organisation={TOWN}")
    [key] = answer.body["keys"]
    return str(key)
