"""The rooms of disputes and escrows: people talk, show and answer there, and nothing needs them."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.stories.bank import BOT, Bank, Client, in_bank
from tests.support.calls import request
from tests.support.people.person import WAIT_S, ClientError
from tests.support.processes import wait_until
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.people import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    desk = {"dispute_desk": [f"@clerk:{demo.SERVER_NAME}"]}
    with in_bank(tmp_path_factory.mktemp("rooms"), desk) as one:
        yield one
        one.balances_to_nothing()


@pytest.fixture(scope="module")
def persons(bank: Bank) -> list[Client]:
    """Alice, who buys; Bob, who sells; a clerk of the institution. Each has a chat and a key."""
    clients = [bank.client(name) for name in ("alice", "bob", "clerk")]
    for one in clients:
        one.enrol()
    return clients


@contextmanager
def within(client: Client, room: str) -> Iterator[Client]:
    """The same person, reading and writing in another room."""
    chat, client.room = client.room, room
    try:
        yield client
    finally:
        client.room = chat


def invited(client: Client) -> str:
    """The room to which a client is invited next; they join."""
    [room] = client.person.accept_invites()
    return room


def disputed(alice: Client, what: str) -> str:
    """Alice pays Bob 20 EUR and disputes it; its number."""
    question = alice.ask(f"pay bob 20 EUR {what}")
    assert alice.approve(question, alice.keys[0]).status == 200
    number = alice.expect("Paid", what).body.rpartition("Number: ")[2].strip()
    alice.say(f"dispute {number} the {what} arrived broken")
    assert alice.approve(alice.expect("Do not dispute it"), alice.keys[0]).status == 200
    return number


def card_now(client: Client, card: Message, *words: str) -> Message:
    """The card of a room, once an edit of it has all these words."""

    def is_it(message: Message) -> bool:
        is_edit = message.replaces == card.event_id
        return is_edit and all(one in message.body for one in words)

    is_it.__qualname__ = f"an edit with {words!r}"
    return client.person.wait_for(client.room, is_it)


def test_both_and_the_desk_settle_a_dispute_in_its_room(bank: Bank, persons: list[Client]) -> None:
    alice, bob, clerk = persons
    number = disputed(alice, "vase")
    room = invited(alice)
    assert {invited(bob), invited(clerk)} == {room}
    with within(alice, room), within(bob, room), within(clerk, room):
        card = alice.expect("Dispute\n", "20.00 EUR", "bob has until")
        clerk.expect("Dispute\n", "20.00 EUR", "bob has until")
        question = bob.expect("bob: This amount of yours is set aside", "Do not give it back")

        # They talk, and it changes nothing: neither a number alone, nor another's answer.
        bob.say("How many are broken?")
        bob.say("2")
        alice.say("Dispute it all I can")
        alice.person.reply(room, question.event_id, "2")
        alice.expect("This question is not for you")
        assert states(bank) == ["open"]

        # A photograph is evidence by its hash, and a sender message is talk.
        alice.person.send_file(room, "vase.png", PNG, "image/png")
        digest = hashlib.sha256(PNG).hexdigest()
        alice.expect("vase.png", "is evidence in the dispute", digest)
        card_now(clerk, card, "vase.png", digest)

        # Bob answers by the number of a choice, the clerk by a line; a key has to sign that.
        bob.choose(question, "contest")
        card_now(alice, card, "The institution decides until")
        clerk.say(f"dispute {number} 5 EUR the lid alone was broken")
        decision = clerk.expect("Decide so")
        assert clerk.approve(decision, clerk.keys[0]).status == 200
        card_now(alice, card, "5.00 EUR goes back, 15.00 EUR stays with bob.", "It is over.")

    # What was asked here and in the clerk's chat is one question: both are over.
    twin = clerk.expect("Decide so")
    assert "It is over." in clerk.edit_of(twin).body
    alice.expect("You got money back", "5.00 EUR", "vase")
    assert states(bank) == ["closed"]


def states(bank: Bank) -> list[object]:
    """Of all disputes, the oldest first."""
    return [state for (state,) in bank.rows("SELECT state FROM payments.dispute ORDER BY id")]


def test_nobody_of_a_room_lets_in_or_throws_out_anybody(bank: Bank, persons: list[Client]) -> None:
    alice, bob, clerk = persons
    disputed(alice, "lamp")
    room = invited(alice)
    assert {invited(bob), invited(clerk)} == {room}
    stranger = bank.house.server.register("stranger")
    for person in (alice, bob):
        with pytest.raises(ClientError, match="invite"):
            person.person.invite(room, stranger)
        for verb in ("kick", "ban"):
            answer = act_on(person, room, verb, clerk.person.user_id)
            assert answer == 403, (person.person.user_id, verb)
    assert bank.rows(
        "SELECT count(*) FROM runtime.room_member WHERE room_id = %s"
        " AND membership IN ('join', 'invite') AND user_id = %s",
        room,
        stranger,
    ) == [(0,)]

    # Who leaves goes on being asked in their own chat, and can come back.
    bob.person.leave(room)
    bob.choose(bob.expect("This amount of yours is set aside", "lamp"), "contest")
    with within(alice, room):
        alice.expect("The institution decides until")
    clerk.expect("Please decide until", "lamp")
    alice.choose(alice.expect("The institution decides until", "lamp"), "withdraw")
    alice.expect("alice took it back; bob has the amount again.")
    clerk.person.leave(room)


def act_on(client: Client, room: str, verb: str, user: str) -> int:
    """The status that the homeserver answers to a client that throws somebody out."""
    url = f"{client.person.url}/_matrix/client/v3/rooms/{room}/{verb}"
    return request("POST", url, token=client.person.access_token, body={"user_id": user}).status


@pytest.mark.long
def test_an_escrow_is_decided_in_its_room_and_in_a_chat(bank: Bank, persons: list[Client]) -> None:
    alice, bob, clerk = persons
    kept = evidence_kept(bank)
    alice.say("escrow bob 40 EUR bicycle; arbiter clerk")
    for one in (bob, clerk):
        one.choose(one.expect("Escrow", "bicycle", "Do not take part"), "join")
    funding = alice.expect("All agreed.", "Do not put it aside")
    assert alice.approve(funding, alice.keys[0]).status == 200
    room = invited(alice)
    assert {invited(bob), invited(clerk)} == {room}
    with within(alice, room), within(bob, room):
        card = bob.expect("Escrow\n", "40.00 EUR", "Everybody decides once.", "If not, at")
        number = card.body.partition("Number: ")[2][:8]
        bob.say("It is a very good bicycle, release the money!")
        bob.person.send_file(room, "bicycle.png", PNG, "image/png")
        alice.expect("alice: The money is put aside.", "All to bob", "All back to alice")
        alice.say(f"escrow {number} release")
        question = alice.expect("alice: The money is put aside.", "Not now")
        assert "All back" not in question.body
        assert alice.approve(question, alice.keys[0]).status == 200
        bob.expect(f"Escrow {number}: alice decided. All to bob.")
    alice.expect("The money is put aside.", "All back to alice")
    twin = alice.expect("The money is put aside.", "All to bob", "Not now")
    assert "You have decided." in alice.edit_of(twin).body
    clerk.expect("The money is put aside.", "All to bob")
    clerk.say(f"escrow {number} release")
    release = clerk.expect("The money is put aside.", "All to bob")
    assert clerk.approve(release, clerk.keys[0]).status == 200
    with within(bob, room):
        card_now(bob, card, "bob got all of it: 40.00 EUR.", "It is over.")
    bob.expect("You were paid out of an escrow", "40.00 EUR", "bicycle")
    assert evidence_kept(bank) == kept

    # Some time later the bot goes; the room stays with the people.
    bank.order("payments.case_room.leave", {"room": room})
    alice.person.wait_for(
        room, lambda one: one.state_key == bot_of(bank) and one.content["membership"] == "leave"
    )
    query = "SELECT is_left FROM payments.case_room WHERE room_id = %s"
    wait_until(lambda: bank.rows(query, room) == [(True,)], WAIT_S, "it is not noted")
    alice.person.send(room, "Enjoy the bicycle")
    bob.person.wait_for(room, "Enjoy the bicycle")


def evidence_kept(bank: Bank) -> list[tuple[object, ...]]:
    """How many files are evidence."""
    return bank.rows("SELECT count(*) FROM payments.dispute_file")


def bot_of(bank: Bank) -> str:
    """Matrix id of the bot here."""
    return f"{BOT.partition(':')[0]}:{bank.house.server.plan.server_name}"


@pytest.mark.long
def test_a_dispute_needs_no_homeserver_and_gets_one_room_later(
    bank: Bank, persons: list[Client]
) -> None:
    alice, bob, _ = persons
    question = alice.ask("pay bob 10 EUR cup")
    assert alice.approve(question, alice.keys[0]).status == 200
    number = alice.expect("Paid", "cup").body.rpartition("Number: ")[2].strip()
    alice.say(f"dispute {number} the cup leaks")
    asked = alice.expect("Do not dispute it", "cup")
    bank.house.kill_homeserver()
    assert alice.approve(asked, alice.keys[0]).status == 200
    wait_until(lambda: states(bank)[-1] == "open", WAIT_S, "it is not opened")
    bank.house.kill()
    bank.house.launch()
    bank.house.start_homeserver()
    bank.house.wait_until_ready()

    room = invited(bob)
    with within(bob, room):
        bob.expect("Dispute\n", "cup", "bob has until")
    assert invited(alice) == room
    assert not alice.person.invites()
    made = bank.rows(
        "SELECT room_id FROM payments.case_room"
        " WHERE matter_id = (SELECT max(id) FROM payments.dispute)"
    )
    assert made == [(room,)]
    with within(alice, room):
        alice.choose(alice.expect("alice: bob has until", "Take the dispute back"), "withdraw")
        alice.expect("alice took it back; bob has the amount again.")
