"""Somebody swaps the identity of a customer: no money, receipt, link, code or file gets to them.

Red line R7. Whoever runs the homeserver logs in as her, with an identity of their own, and lets a
stranger into her chat.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs
import pytest

from tests.stories.bank import Bank, Client, in_bank
from tests.stories.test_payments import invoice
from tests.support.calls import request
from tests.support.hostile_json import NOBODYS
from tests.support.processes import TIMEOUT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.people import Person

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

SIGN_IN: Final = (401, "ORG.VECHE.SIGN_IN")
TOO_LOW: Final = (403, "ORG.VECHE.LEVEL_TOO_LOW")
SECRET: Final = re.compile(r"(?m)https?://|\b(5|10|15)\.00 EUR|^.* [0-9]{4,6}$|RF[0-9]{2}|Number:")
"""What nobody but her may read: links, amounts of hers, codes, references, receipts."""
LINK: Final = re.compile(r"(?m)/(approve|pay|signin)#| [0-9]{4}$")
OFFER: Final = "is another one now"
"""Of the one message that is for the new device: how its owner has it confirmed, by their key."""
ORDERS: Final = ("balance", "history", "page", "statement", "topup", "pay alice 1 EUR gift")
WALLET: Final = "/_veche/wallet/v1"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with in_bank(tmp_path_factory.mktemp("bank")) as one:
        yield one
        one.balances_to_nothing()


@attrs.define
class Attacker:
    """Who runs the homeserver, with a device in her name."""

    ghost: Person
    bot: str

    def read(self, *rooms: str) -> list[str]:
        """All that the bot has said in rooms and the ghost's client can read, but the offer."""
        return [
            one.body
            for room in rooms
            for one in self.ghost.messages(room)
            if one.sender == self.bot and one.is_readable and OFFER not in one.body
        ]


def pay(payer: Client, payee: str, what: str) -> None:
    """Pay somebody 5 EUR for something."""
    question = payer.ask(f"pay {payee} 5 EUR {what}")
    assert payer.approve(question, payer.keys[0]).status == 200
    payer.expect("Paid", what)


def test_whoever_swaps_her_identity_reads_nothing_of_her_money_and_she_goes_on(bank: Bank) -> None:
    alice, dora = bank.client("alice"), bank.client("dora")
    alice.enrol()
    dora.enrol()
    dora.allow_codes(1_000)
    pay(alice, "dora", "before")
    number = dora.expect("You were paid", "before").body.rpartition("Number: ")[2].strip()
    stranger = bank.house.person("stranger")

    with dora.person.new_device() as ghost:
        ghost.reset_identity()
        attacker = Attacker(ghost, bot_of(bank))
        pay(alice, "dora", "after")
        dora.say("help")
        dora.expect("Was it you?")
        bank.order("payments.invoice", invoice(dora, 7, notice_id="2026/7"))
        _goes_on_without_links(dora, f"receipt {number}")
        _asks_in_vain(bank, attacker, dora)
        _is_in_no_session(bank, attacker, dora)
        _lets_a_stranger_in(alice, dora, ghost, stranger)

        ghost.wait_for(dora.room, OFFER)
        assert [one for one in attacker.read(dora.room) if SECRET.search(one)] == []


def bot_of(bank: Bank) -> str:
    """The bot of payments, in this house."""
    [(bot,)] = bank.rows("SELECT DISTINCT bot FROM runtime.room_bot")
    return str(bot)


def _goes_on_without_links(dora: Client, *more: str) -> None:
    """Her own phone, which the pinned identity had signed, reads all; no link, code or file."""
    said = [dora.expect("You were paid", "after"), dora.expect("Birth certificate", "12.50")]
    for order in (*ORDERS, *more):
        dora.say(order)
    dora.say("language en")
    said.append(dora.expect("To: alice", "1.00 EUR"))
    dora.expect("You have:")
    dora.expect("I send no link now")
    assert [one.body for one in said if LINK.search(one.body)] == []
    assert all("file" not in one.content for one in dora.person.messages(dora.room))


def _asks_in_vain(bank: Bank, attacker: Attacker, dora: Client) -> None:
    """The ghost asks for all of it, in her chat and in chats of its own, encrypted and not."""
    own = [
        attacker.ghost.create_dm(attacker.bot, is_encrypted=is_encrypted)
        for is_encrypted in (True, False)
    ]
    for room in (dora.room, *own):
        for order in ORDERS:
            attacker.ghost.send(room, order)
    attacker.ghost.wait_for(own[1], "encrypt")
    asked = request(
        "POST",
        f"{bank.house.pages_url}/_veche/sessions/v1/codes",
        body={"person": dora.person.user_id},
    )
    assert asked.status == 200
    dora.person.send(dora.room, "help")
    dora.expect("pay somebody")

    assert [one for one in attacker.read(*own) if SECRET.search(one)] == []


def _is_in_no_session(bank: Bank, attacker: Attacker, dora: Client) -> None:
    """Her session is over, and what the homeserver vouches for opens no wallet."""
    wait_until(
        lambda: verdict(bank, "GET", f"{WALLET}/wallet", dora.session) == SIGN_IN,
        TIMEOUT_S,
        "her session goes on",
    )
    path = f"/_matrix/client/v3/user/{dora.person.user_id}/openid/request_token"
    vouched = bank.house.server.call("POST", path, token=attacker.ghost.access_token, body={})
    url = f"{bank.house.pages_url}/_veche/sessions/v1/openid"
    low = request("POST", url, body=vouched.body)
    assert (low.status, low.body["level"]) == (200, "low")
    for path in ("/wallet", "/limits", f"/payments/{NOBODYS}"):
        assert verdict(bank, "GET", WALLET + path, low.body["token"]) == TOO_LOW, path


def verdict(bank: Bank, method: str, path: str, token: str) -> tuple[int, str]:
    """What a session gets."""
    answer = request(method, bank.house.pages_url + path, token=token)
    return answer.status, answer.errcode


def _lets_a_stranger_in(alice: Client, dora: Client, ghost: Person, stranger: Person) -> None:
    """The ghost brings somebody into her chat, and she is paid once more."""
    ghost.invite(dora.room, stranger.user_id)
    stranger.accept_invites()
    pay(alice, "dora", "beside")

    read = [one.body for one in stranger.messages(dora.room) if one.is_readable and one.body]
    assert [one for one in read if SECRET.search(one)] == []
