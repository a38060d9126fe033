"""Keys and approvals in a real house: a person with a real client, their room, and the APIs.

The service is a till (tests/support/till.py): it asks for payments, and believes approvals alone.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import attrs
import pytest

from tests.support import till
from tests.support.calls import Answer, request
from tests.support.keys import (
    BrowserKey,
    Passkey,
    approval_of,
    decline_of,
    unpadded_base64,
)
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from tests.support.services import house
from veche.cli import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.people import Person
    from tests.support.people.person import Message
    from tests.support.services import House

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

UNAVAILABLE: Final = 503
KEYS: Final = "/_veche/keys/v1"
APPROVALS: Final = "/_veche/approvals/v1"
BOT: Final = till.bot_of(demo.SERVER_NAME)


@attrs.define
class Customer:
    """Alice, her room with the till, her browser, and what she has in it."""

    house: House
    person: Person
    room: str
    session: str
    keys: list[BrowserKey | Passkey] = attrs.field(factory=list)

    def call(
        self, method: str, path: str, body: object = None, *, is_signed_in: bool = True
    ) -> Answer:
        """A request of her browser, which asks again where it is told to."""
        url, token = self.house.pages_url + path, self.session if is_signed_in else None
        answers: list[Answer] = []

        def is_answered() -> bool:
            answers.append(request(method, url, token=token, body=body))
            return answers[-1].status != UNAVAILABLE

        wait_until(is_answered, WAIT_S, f"{method} {path} stays unavailable")
        return answers[-1]

    def bill(self, minor: int) -> Message:
        """Ask for one; the message that asks."""
        self.person.send(self.room, f"bill {minor}")
        words = f"Bread: {minor} cents"
        return self.person.wait_for(
            self.room, lambda one: one.body.startswith(words) and one.replaces is None
        )

    def edit_of(self, bill: Message) -> Message:
        """What the bot makes of a bill in the end."""
        return self.person.wait_for(self.room, lambda one: one.replaces == bill.event_id)

    def code(self) -> str:
        """The next code for a key that comes into the room."""
        said = self.person.wait_for(self.room, "Somebody adds the key")
        [code] = re.findall(r"(?m)^([0-9]{6})$", said.body)
        return str(code)

    def enrol(self, label: str = "Laptop") -> BrowserKey:
        """A new key of her browser."""
        key = BrowserKey()
        body = {"kind": "p256", "label": label, "public_key": unpadded_base64(key.public)}
        begun = self.call("POST", f"{KEYS}/enrolments", body)
        assert begun.status == 200, begun
        self.confirm(begun.body, key)
        return key

    def confirm(self, enrolment: dict[str, Any], key: BrowserKey | Passkey) -> None:
        """Type the code of the room."""
        assert (enrolment["state"], enrolment["key"]) == ("sent", key.id)
        proof = key.proof(enrolment["to_sign"])
        path = f"{KEYS}/enrolments/{enrolment['enrolment']}/code"
        done = self.call("POST", path, {"code": self.code(), **proof})
        assert done.status == 200, done
        assert done.body["key"]["id"] == key.id
        self.person.wait_for(self.room, "is yours from now on")
        self.keys.append(key)

    def look(self, message: Message) -> dict[str, Any]:
        """What her approve page finds out about a bill."""
        answer = self.call("GET", f"{APPROVALS}/{asked_in(message)['nonce']}", is_signed_in=False)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        return found

    def approve(self, message: Message, key: BrowserKey | Passkey) -> Answer:
        """What her approve page hands in."""
        seen = self.look(message)
        assert seen["asked"] == asked_in(message)
        signed = key.signed(approval_of(seen["asked"], seen["now_ms"]))
        return self.call("POST", APPROVALS, signed, is_signed_in=False)


def asked_in(message: Message) -> dict[str, Any]:
    """What the link in a bill says."""
    [found] = re.findall(r"/approve#(\S+)", message.body)
    asked: dict[str, Any] = json.loads(unquote(found))
    return asked


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    folder = tmp_path_factory.mktemp("till")
    with house(
        folder,
        program=till.PROGRAM,
        sections=till.SECTIONS,
        migrations=till.MIGRATIONS,
        has_pages=True,
    ) as town:
        person = town.person("alice")
        room = person.create_dm(BOT)
        person.send(room, "page")
        link = person.wait_for(room, "/signin#")
        [secret] = re.findall(r"/signin#([A-Za-z0-9_-]{22})", link.body)
        path = f"{town.pages_url}/_veche/sessions/v1/link"
        session = request("POST", path, body={"secret": secret})
        assert session.status == 200, session
        yield Customer(town, person, room, session.body["token"])


def test_a_key_pays_and_the_room_shows_it_at_once(alice: Customer) -> None:
    key = alice.enrol()
    bill = alice.bill(125_000)

    answer = alice.approve(bill, key)

    assert (answer.status, answer.body) == (200, {"outcome": "approved"})
    alice.person.wait_for(alice.room, "^Paid by p256.$")
    edit = alice.edit_of(bill)
    assert "Paid by p256." in edit.body
    seen = alice.look(bill)
    assert (seen["state"], seen["asked"], seen["keys"]) == ("approved", None, [])


def test_the_same_approval_again_is_refused(alice: Customer) -> None:
    key = alice.enrol()
    bill = alice.bill(2_000)
    seen = alice.look(bill)
    signed = key.signed(approval_of(seen["asked"], seen["now_ms"]))

    first, again = [alice.call("POST", APPROVALS, signed, is_signed_in=False) for _ in range(2)]
    assert first.status == 200
    assert (again.status, again.errcode) == (409, "ORG.VECHE.APPROVAL_OVER")
    alice.person.wait_for(alice.room, "^Paid by p256.$")


def test_a_tampered_link_makes_a_useless_approval(alice: Customer) -> None:
    key = alice.enrol()
    seen = alice.look(alice.bill(2_000))
    seen["asked"]["shown"]["payee"] = "DE00 0000"
    signed = key.signed(approval_of(seen["asked"], seen["now_ms"]))

    answer = alice.call("POST", APPROVALS, signed, is_signed_in=False)
    assert (answer.status, answer.errcode) == (409, "ORG.VECHE.APPROVAL_DIFFERS")
    alice.person.wait_for(alice.room, "Somebody tried to approve a payment in your name")


def test_a_passkey_is_enrolled_and_pays(alice: Customer) -> None:
    url = alice.house.pages_url
    passkey = Passkey(url, "localhost", sign_count=1)
    begun = alice.call("POST", f"{KEYS}/enrolments", {"kind": "webauthn", "label": "Phone"})
    assert begun.body["state"] == "making"
    challenge = base64.urlsafe_b64decode(begun.body["creation"]["challenge"] + "=")
    path = f"{KEYS}/enrolments/{begun.body['enrolment']}"
    sent = alice.call("PUT", f"{path}/credential", passkey.create(challenge))
    assert sent.status == 200, sent
    alice.confirm(sent.body, passkey)
    bill = alice.bill(3_000)
    [known] = [one for one in alice.look(bill)["keys"] if one["id"] == passkey.id]
    assert (known["kind"], known["transports"]) == ("webauthn", ["internal"])

    passkey.sign_count = 2
    assert alice.approve(bill, passkey).body == {"outcome": "approved"}
    alice.person.wait_for(alice.room, "^Paid by webauthn.$")


def test_a_code_in_the_chat_pays_within_the_limit(alice: Customer) -> None:
    alice.house.query(
        "INSERT INTO runtime.code_limit (person, currency, minor) VALUES (%s, 'EUR', 1000)"
        " ON CONFLICT (person, currency) DO UPDATE SET minor = 1000",
        alice.person.user_id,
    )
    small, large = alice.bill(900), alice.bill(1_001)
    [code] = re.findall(r"(?m) ([0-9]{4})$", small.body)
    assert "with this code alone" not in large.body

    wrong = f"{(int(code) + 1) % 10**4:04}"
    alice.person.reply(alice.room, small.event_id, wrong)
    alice.person.wait_for(alice.room, "This is not the code of that question.")
    alice.person.reply(alice.room, small.event_id, code)
    alice.person.wait_for(alice.room, "^Paid by code.$")
    alice.person.reply(alice.room, large.event_id, "1")
    refused = alice.person.wait_for(alice.room, "only with the signature of your key")
    assert asked_in(refused) == asked_in(large)
    limits = alice.call("GET", f"{KEYS}/limits").body["limits"]
    assert [(one["minor"], one["spent_minor"]) for one in limits] == [(1_000, 900)]


def test_one_says_no_by_key_by_session_and_by_text(alice: Customer) -> None:
    key = alice.enrol()
    bills = [alice.bill(minor) for minor in (2_001, 2_002, 2_003)]
    seen = alice.look(bills[0])
    no = key.signed(decline_of(seen["asked"], seen["now_ms"]))

    assert alice.call("POST", APPROVALS, no, is_signed_in=False).body == {"outcome": "declined"}
    path = f"{APPROVALS}/{asked_in(bills[1])['nonce']}/decline"
    assert alice.call("POST", path, {}, is_signed_in=False).status == 401
    assert alice.call("POST", path, {}).body == {"outcome": "declined"}
    alice.person.reply(alice.room, bills[2].event_id, "2")
    for bill in bills:
        edit = alice.edit_of(bill)
        assert "Not paid." in edit.body


def test_a_revoked_key_pays_nothing(alice: Customer) -> None:
    key = alice.enrol("Old laptop")
    bill = alice.bill(2_000)

    gone = alice.call("DELETE", f"{KEYS}/keys/{key.id}")
    assert gone.body["key"]["revoked_at_ms"] is not None
    alice.person.wait_for(alice.room, "The key “Old laptop”.* is revoked")

    answer = alice.approve(bill, key)
    assert (answer.status, answer.errcode) == (409, "ORG.VECHE.KEY_REVOKED")


def test_my_keys_shows_keys_log_and_evidence(alice: Customer) -> None:
    key = alice.enrol("Tablet")
    assert alice.approve(alice.bill(4_000), key).status == 200

    listed = alice.call("GET", f"{KEYS}/keys").body
    assert listed["passkeys"] is True
    [mine] = [one for one in listed["keys"] if one["id"] == key.id]
    assert (mine["label"], mine["kind"], mine["revoked_at_ms"]) == ("Tablet", "p256", None)
    events = alice.call("GET", f"{KEYS}/log").body["events"]
    assert events[0]["text"] == "Approved with the key “Tablet”: a payment."
    found = alice.call("GET", f"{KEYS}/evidence/{events[0]['nonce']}").body["evidence"]
    assert (found["key"], found["public_key"]) == (key.id, unpadded_base64(key.public))


def test_a_limit_is_raised_by_the_key_a_day_later(alice: Customer) -> None:
    key = alice.enrol()
    answer = alice.call("POST", f"{KEYS}/limits", {"currency": "EUR", "minor": 15_000})
    asked = answer.body["asked"]
    now_ms = alice.call("GET", f"{APPROVALS}/time", is_signed_in=False).body["now_ms"]

    done = alice.call("POST", APPROVALS, key.signed(approval_of(asked, now_ms)), is_signed_in=False)

    assert done.body == {"outcome": "approved"}
    alice.person.wait_for(alice.room, "you can approve by code up to 150.00 EUR a day")
    [limit] = alice.call("GET", f"{KEYS}/limits").body["limits"]
    assert limit["next_minor"] == 15_000
    assert limit["next_from_ms"] > now_ms
    too_much = alice.call("POST", f"{KEYS}/limits?lang=de", {"currency": "EUR", "minor": 20_001})
    assert too_much.body["error"] == "Das höchste Tageslimit ist hier 200,00 EUR."


def test_nobody_gets_at_keys_without_a_session(alice: Customer) -> None:
    for method, path in (
        ("GET", "/keys"),
        ("GET", "/log"),
        ("GET", "/limits"),
        ("POST", "/limits"),
        ("POST", "/enrolments"),
        ("PUT", "/enrolments/x/credential"),
        ("POST", "/enrolments/x/code"),
        ("GET", "/evidence/x"),
        ("DELETE", "/keys/x"),
    ):
        body: object = None if method in ("GET", "DELETE") else {}
        answer = alice.call(method, KEYS + path, body, is_signed_in=False)
        assert (answer.status, answer.errcode) == (401, "ORG.VECHE.SIGN_IN"), path


def test_a_stranger_sees_nothing_of_an_approval(alice: Customer) -> None:
    answer = alice.call("GET", f"{APPROVALS}/{'a' * 32}", is_signed_in=False)

    assert (answer.status, answer.errcode) == (404, "ORG.VECHE.NOT_FOUND")
