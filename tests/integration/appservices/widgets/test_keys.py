"""Keys and approvals in a real house: a person with a real client, their room, and the APIs.

The service is a till (tests/support/till.py): it asks for payments, and believes approvals alone.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.support import till
from tests.support.customers import APPROVALS, KEYS, Customer, asked_in, nonce_in
from tests.support.keys import Passkey, approval_of, decline_of, unpadded_base64
from tests.support.people import Kind
from tests.support.services import house
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.people.message import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

BOT: Final = till.bot_of(demo.SERVER_NAME)


class Shopper(Customer):
    """Alice, her room with the till, her browser, and what she has in it."""

    def bill(self, minor: int) -> Message:
        """Ask for one; the message that asks."""
        self.person.send(self.room, f"bill {minor}")
        words = f"Bread: {minor} cents"
        return self.person.wait_for(
            self.room, lambda one: one.body.startswith(words) and one.replaces is None
        )

    def pay_by_code(self, minor: int) -> None:
        """Ask for a bill, and reply its code."""
        bill = self.bill(minor)
        [code] = re.findall(r"(?m) ([0-9]{4})$", bill.body)
        self.person.reply(self.room, bill.event_id, code)


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shopper]:
    folder = tmp_path_factory.mktemp("till")
    with house(
        folder,
        program=till.PROGRAM,
        sections=till.SECTIONS,
        migrations=till.MIGRATIONS,
        has_pages=True,
    ) as town:
        yield Shopper.sign_in(town, town.person("alice"), BOT)


def test_a_key_pays_and_the_room_shows_it_at_once(alice: Shopper) -> None:
    key = alice.enrol()
    bill = alice.bill(125_000)

    answer = alice.approve(bill, key)

    assert (answer.status, answer.body) == (200, {"outcome": "approved"})
    alice.person.wait_for(alice.room, "^Paid by p256.$")
    edit = alice.edit_of(bill)
    assert "Paid by p256." in edit.body
    seen = alice.look(bill)
    assert (seen["state"], seen["asked"], seen["keys"]) == ("approved", None, [])


def test_the_same_approval_again_is_refused(alice: Shopper) -> None:
    key = alice.enrol()
    bill = alice.bill(2_000)
    seen = alice.look(bill)
    signed = key.signed(approval_of(seen["asked"], seen["now_ms"]))

    first, again = [alice.call("POST", APPROVALS, signed, is_signed_in=False) for _ in range(2)]
    assert first.status == 200
    assert (again.status, again.errcode) == (409, "ORG.VECHE.APPROVAL_OVER")
    alice.person.wait_for(alice.room, "^Paid by p256.$")


def test_a_tampered_link_makes_a_useless_approval(alice: Shopper) -> None:
    key = alice.enrol()
    seen = alice.look(alice.bill(2_000))
    seen["asked"]["shown"]["payee"] = "DE00 0000"
    signed = key.signed(approval_of(seen["asked"], seen["now_ms"]))

    answer = alice.call("POST", APPROVALS, signed, is_signed_in=False)
    assert (answer.status, answer.errcode) == (409, "ORG.VECHE.APPROVAL_DIFFERS")
    alice.person.wait_for(alice.room, "Somebody tried to approve a payment in your name")


def test_a_passkey_is_enrolled_and_pays(alice: Shopper) -> None:
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


def test_a_code_in_the_chat_pays_within_the_limit(alice: Shopper) -> None:
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
    assert nonce_in(refused) == asked_in(large)["nonce"]
    limits = alice.call("GET", f"{KEYS}/limits").body["limits"]
    assert [(one["minor"], one["spent_minor"]) for one in limits] == [(1_000, 900)]


def test_whoever_reset_their_identity_confirms_it_with_their_key_and_goes_on(
    alice: Shopper,
) -> None:
    """The strict Rust client: verified before, doubted after the reset, verified again."""
    boris = Shopper.sign_in(alice.house, alice.house.person("boris", Kind.RUST), BOT)
    key = boris.enrol()
    boris.house.query(
        "INSERT INTO runtime.code_limit (person, currency, minor) VALUES (%s, 'EUR', 1000)"
        " RETURNING 1",
        boris.person.user_id,
    )
    boris.pay_by_code(501)
    boris.person.wait_for(boris.room, "^Paid by code.$")

    boris.person.reset_identity()
    bill = boris.bill(201)
    doubted = boris.person.wait_for(boris.room, "is another one now")
    assert re.findall(r"http|(?m: [0-9]{4}$)", bill.body) == []
    asked = boris.person.wait_for(boris.room, "Was it you?")
    assert "Only if you reset it yourself" in doubted.body
    assert boris.approve(doubted, key).body == {"outcome": "approved"}
    boris.person.wait_for(boris.room, "You confirmed the new identity")
    boris.pay_by_code(202)
    boris.person.wait_for(boris.room, "^Paid by code.$")

    # Once more; the device of before is asked too, and its reply is enough.
    boris.person.reset_identity()
    boris.bill(203)
    again = boris.person.wait_for(
        boris.room, lambda one: "Was it you?" in one.body and one.event_id != asked.event_id
    )
    [code] = re.findall(r"yes [0-9]{4}", again.body)
    boris.person.send(boris.room, code)
    boris.person.wait_for(boris.room, "You confirmed it by your reply")
    boris.pay_by_code(204)

    boris.person.wait_for(boris.room, "^Paid by code.$")


def test_a_device_of_before_reads_what_it_confirmed_though_the_new_identity_did_not_sign_it(
    alice: Shopper,
) -> None:
    dora = Shopper.sign_in(alice.house, alice.house.person("dora"), BOT)
    with dora.person.new_device() as laptop:
        # Nobody but the laptop has the new identity, and the phone says that it is hers.
        laptop.reset_identity()
        dora.person.send(dora.room, "bill 301")
        asked = dora.person.wait_for(dora.room, "Was it you?")
        [code] = re.findall(r"yes [0-9]{4}", asked.body)
        dora.person.send(dora.room, code)

        laptop.wait_for(dora.room, "You confirmed it by your reply")
        dora.person.wait_for(dora.room, "You confirmed it by your reply")

        # What comes now the laptop alone reads; the phone learns what to do.
        dora.person.send(dora.room, "bill 302")
        laptop.wait_for(dora.room, "Bread: 302 cents")
        dora.person.wait_for(dora.room, "from a device that you have not confirmed")
        read = [one.body for one in dora.person.messages(dora.room) if one.is_readable]
        assert [one for one in read if "302 cents" in one] == []


def test_one_says_no_by_key_by_session_and_by_text(alice: Shopper) -> None:
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


def test_a_revoked_key_pays_nothing(alice: Shopper) -> None:
    key = alice.enrol("Old laptop")
    bill = alice.bill(2_000)

    gone = alice.call("DELETE", f"{KEYS}/keys/{key.id}")
    assert gone.body["key"]["revoked_at_ms"] is not None
    alice.person.wait_for(alice.room, "The key “Old laptop”.* is revoked")

    answer = alice.approve(bill, key)
    assert (answer.status, answer.errcode) == (409, "ORG.VECHE.KEY_REVOKED")


def test_my_keys_shows_keys_log_and_evidence(alice: Shopper) -> None:
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


def test_a_limit_is_raised_by_the_key_a_day_later(alice: Shopper) -> None:
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


def test_nobody_gets_at_keys_without_a_session(alice: Shopper) -> None:
    for method, path in (
        ("GET", "/keys"),
        ("GET", "/log"),
        ("GET", "/limits"),
        ("POST", "/limits"),
        ("GET", "/identity"),
        ("POST", "/identity"),
        ("POST", "/enrolments"),
        ("PUT", "/enrolments/x/credential"),
        ("POST", "/enrolments/x/code"),
        ("GET", "/evidence/x"),
        ("DELETE", "/keys/x"),
    ):
        body: object = None if method in ("GET", "DELETE") else {}
        answer = alice.call(method, KEYS + path, body, is_signed_in=False)
        assert (answer.status, answer.errcode) == (401, "ORG.VECHE.SIGN_IN"), path


def test_a_stranger_sees_nothing_of_an_approval(alice: Shopper) -> None:
    answer = alice.call("GET", f"{APPROVALS}/{'a' * 32}", is_signed_in=False)

    assert (answer.status, answer.errcode) == (404, "ORG.VECHE.NOT_FOUND")
