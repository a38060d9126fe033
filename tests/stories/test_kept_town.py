"""A town that an earlier Veche left goes on under this one: people, cases, keys, money, work."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest

from appservices.payments.demo.shop import DemoShop
from tests.stories.bank import BOT, Bank, Client
from tests.stories.keep_town import LISTENER
from tests.stories.office import Room
from tests.stories.shop import Shop
from tests.support.kept_town import KeptTown
from tests.support.keys import BrowserKey
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from veche.cli.main import main
from veche.server import demo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.people import Person
    from tests.support.services import House

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

NOTHING: Final = {"inbox": 0, "outbox": 0, "jobs": 0}


@pytest.fixture
def town(tmp_path: Path) -> KeptTown:
    """The town, in which nothing runs yet."""
    one = KeptTown.restore(tmp_path)
    with one.postgres:
        assert all(one.waiting().values())
        assert one.ledger() == one.facts["ledger"]
        # As if it had been killed just now: a shop that did not listen for days is given up, and
        # an invoice is open for a year.
        one.rows("UPDATE runtime.webhook SET failing_since_ms = extract(epoch FROM now()) * 1000")
        one.rows(
            "UPDATE payments.invoice SET due_at_ms = extract(epoch FROM now()) * 1000 + 86400000"
            " WHERE state = 'issued'"
        )
    return one


def test_a_town_of_an_earlier_veche_goes_on(town: KeptTown, tmp_path: Path) -> None:
    house = town.house()
    shop = Shop(Bank(house), DemoShop(town.folder / "shop", house.pages_url))
    with ExitStack() as stack:
        stack.enter_context(shop.listening(*LISTENER))
        stack.enter_context(town.running(house))
        alice = stack.enter_context(town.person(demo.ALICE))
        carol = stack.enter_context(town.person(demo.CAROL))

        _waiting_is_done(town, alice, carol, shop)
        _ledger_is_the_same(town, house, tmp_path)
        _key_approves(town, house, alice)
        _case_goes_on(town, alice, carol)


def _waiting_is_done(town: KeptTown, alice: Person, carol: Person, shop: Shop) -> None:
    """What was asked for, said and to be told when it was killed comes now, encrypted."""
    assert alice.wait_for(town.facts["bank"], "Breakfast").is_encrypted
    # She is let into the room of the case too, which she has taken.
    joined: list[str] = []
    wait_until(lambda: _is_met(carol, BOT, joined), WAIT_S, "the bank says nothing to Carol")
    wait_until(lambda: shop.types == {1: "invoice.paid"}, WAIT_S, "the shop is told nothing")
    wait_until(lambda: town.waiting() == NOTHING, WAIT_S, "something waits on")


def _is_met(person: Person, bot: str, joined: list[str]) -> bool:
    """Join where they are invited; whether this bot says something to them there."""
    for room in person.invites():
        person.join(room)
        joined.append(room)
    said = [message for room in joined for message in person.messages(room)]
    return any((message.sender, message.type) == (bot, "m.room.message") for message in said)


def _ledger_is_the_same(town: KeptTown, house: House, folder: Path) -> None:
    """No account has another balance, no head another signature; the old receipt is proven."""
    old, now = town.facts["ledger"], town.ledger()
    assert now["accounts"] == old["accounts"]
    assert now["heads"][: len(old["heads"])] == old["heads"]
    file = folder / "receipt.json"
    file.write_text(json.dumps(town.facts["receipt"]))
    assert main(["verify", str(file), "--online", "--site", house.pages_url]) == 0


def _key_approves(town: KeptTown, house: House, alice: Person) -> None:
    """She pays with the key that she has had; what she has is what she had, less that."""
    client = Client(house, alice, town.facts["bank"], session="")
    client.has("985.00 EUR")
    answer = client.approve(client.ask("pay bob 5 EUR cinema"), BrowserKey.of(town.facts["key"]))
    assert answer.body == {"outcome": "approved"}
    client.expect("Paid", "cinema")
    client.has("980.00 EUR")
    Bank(house).balances_to_nothing()
    asked = [m for m in alice.messages(client.room) if "Breakfast" in m.body and not m.replaces]
    assert len(asked) == 1


def _case_goes_on(town: KeptTown, alice: Person, carol: Person) -> None:
    """A clerk has taken it, by what she wrote last; she asks, and the person answers."""
    desk, case = town.facts["desk"], Room(alice, town.facts["case"]["room"])
    thread = Room(carol, desk["room"], desk["thread"])
    thread.choose(thread.expect("What is decided?"), "ask_more")
    thread.expect("What do you ask the person?")
    thread.say("Which hospital?")
    assert case.expect("Which hospital?").is_encrypted
    case.say("Charité")
    case.expect("Thank you, the office has it.")
    thread.expect("The person answers: Charité")
