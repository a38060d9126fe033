"""People look after one another's money: guardians, an allowance, what one forbids oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.stories.bank import Bank, Client, approve, in_bank
from veche.protocol.ids import derived_ulid
from veche.protocol.prompts import PROMPT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with in_bank(tmp_path_factory.mktemp("trust")) as one:
        one.house.server.register("shop")
        yield one
        one.balances_to_nothing()


@pytest.fixture(scope="module")
def persons(bank: Bank) -> list[Client]:
    """Alice, Bob and Carol, each with a chat and a key."""
    clients = [bank.client(name) for name in ("alice", "bob", "carol")]
    for one in clients:
        one.enrol()
    return clients


def moved(bank: Bank, minor: int) -> bool:
    return bool(bank.rows("SELECT FROM ledger.transfer WHERE amount = %s", minor))


def test_guardians_look_at_large_payments_first(bank: Bank, persons: list[Client]) -> None:
    alice, bob, carol = persons

    # Both accept; only then the rule counts.
    alice.say("guardians @bob @carol 2 of 2 above 50 EUR")
    approve(alice, alice.expect("approved by 2 of 2: bob, carol", "Change nothing"), "show")
    for guardian, name in ((bob, "bob"), (carol, "carol")):
        approve(guardian, guardian.expect("alice asks you to be a guardian"), "accept")
        alice.expect(f"{name} is your guardian.")
    alice.expect("Payments above 50.00 EUR in a day have to be approved by 2 of 2")

    # Above the amount both are asked, and nothing moves before both approve.
    approve(alice, alice.ask("pay shop 60 EUR rent"), "pay")
    alice.expect("waits for your guardians: 2 of 2")
    for guardian in (bob, carol):
        look = guardian.expect("Please look at a payment", "shop", "60.00 EUR", "rent")
        assert not moved(bank, 6000)
        approve(guardian, look, "approve")
    alice.expect("Paid", "rent")

    # One refusal of two ends the next one; she is told how many refused, not who.
    approve(alice, alice.ask("pay shop 61 EUR again"), "pay")
    carol.choose(carol.expect("Please look at a payment", "61.00 EUR"), "decline")
    told = alice.expect("was not approved by enough guardians", "refused: 1")
    assert "carol" not in told.body
    assert "It is decided." in bob.edit_of(bob.expect("Please look", "61.00 EUR")).body

    # What waits for guardians is stopped in one tap; to do without them takes a day, and is told.
    approve(alice, alice.ask("pay shop 62 EUR third"), "pay")
    alice.choose(alice.expect("waits for your guardians", "62.00 EUR"), "stop")
    assert "It is decided." in carol.edit_of(carol.expect("Please look", "62.00 EUR")).body
    alice.say("guardians off")
    approve(alice, alice.expect("Do without guardians", "Change nothing"), "hide")
    bob.expect("alice wants to be guarded less")
    alice.choose(alice.expect("asks for less than the one that counts"), "keep")
    alice.say("guardians")
    alice.expect("Payments above 50.00 EUR in a day have to be approved by 2 of 2")
    assert not moved(bank, 6100)
    assert not moved(bank, 6200)


def test_bob_pays_from_alices_account_within_what_she_allows(
    bank: Bank, persons: list[Client]
) -> None:
    alice, bob, _ = persons

    alice.say("allow @bob 20 EUR a week each 15 EUR at @shop")
    question = alice.expect("bob may then pay from your account", "at most 20.00 EUR a week")
    approve(alice, question, "give")
    bob.expect("alice lets you pay from their account.", "shop (@shop:")

    # Both see a use at once; what is above it, or for others, is refused.
    asked = bob.ask("pay shop 15 EUR bread from @alice")
    assert "bread, from the account of @alice:" in str(asked.content[PROMPT_KEY])
    assert "Whose money: alice @alice:" in asked.body
    approve(bob, asked, "pay")
    bob.expect("Paid", "bread")
    alice.expect("bob paid 15.00 EUR to shop from your account", "Left now: 5.00 EUR")
    for order, words in (
        ("pay shop 6 EUR milk from @alice", "more than is left of this allowance"),
        ("pay shop 16 EUR milk from @alice", "more than this allowance lets you pay at once"),
        ("pay carol 1 EUR milk from @alice", "This allowance is for other payees."),
        ("pay shop 1 EUR milk from @carol", "Nobody of this name lets you pay"),
    ):
        bob.say(order)
        bob.expect(words)

    # Ended in one tap, and at once.
    waiting = bob.ask("pay shop 4 EUR late from @alice")
    alice.say("allowances")
    alice.choose(alice.expect("Allowance for bob", "left now: 5.00 EUR"), "end")
    bob.expect("You cannot pay from the account of alice any more.")
    assert "Not paid." in bob.edit_of(waiting).body
    bob.say("pay shop 4 EUR late from @alice")
    bob.expect("Nobody of this name lets you pay")
    assert not moved(bank, 400)


def test_whoever_pays_an_invoice_is_asked_from_whose_account(
    bank: Bank, persons: list[Client]
) -> None:
    alice, bob, _ = persons
    alice.say("allow @bob 20 EUR a month")
    approve(alice, alice.expect("bob may then pay", "anybody"), "give")
    bob.expect("alice lets you pay from their account.")

    bank.order("payments.invoice", invoice(bob, 1))
    question = bob.expect("Invoice", "From the account of @alice:")
    approve(bob, question, "purse-1")
    bob.expect("Paid", "Copies")
    alice.expect("bob paid 12.50 EUR to Town", "Copies")
    bank.expect_told("town", state="paid")

    # An invoice that is taken back says why, and its question ends.
    bank.order("payments.invoice", invoice(bob, 2))
    question = bob.expect("Invoice", "Pay")
    back = {"invoice": invoice(bob, 2)["card"]["id"], "issuer": "town", "reason": "A mistake"}
    bank.order("payments.withdraw", back)
    bob.expect("Town took back the invoice", "A mistake")


def test_what_one_forbids_oneself_nobody_takes_back(bank: Bank, persons: list[Client]) -> None:
    _, _, carol = persons
    carol.say("ban all 2 days")
    approve(carol, carol.expect("I forbid myself until", "to pay anybody"), "forbid")
    carol.expect("You forbid yourself:")
    carol.say("ban all 1 day")
    approve(carol, carol.expect("I forbid myself until"), "forbid")
    carol.expect("You forbid yourself:")

    [(days,)] = bank.rows("SELECT (until_ms - %s) / 86400000 FROM payments.self_ban",
                          carol.now_ms())  # fmt: skip
    assert days == 1  # and some hours


def invoice(client: Client, number: int) -> dict[str, Any]:
    """12.50 EUR for copies, to the town."""
    amount = {"minor": 1250, "currency": "EUR"}
    card = {
        "v": 1,
        "id": derived_ulid(1, "trust", number),
        "issuer": "town",
        "issuer_name": "Town",
        "title": "Copies",
        "lines": [{"text": "Copies", "amount": amount}],
        "total": amount,
        "due_at_ms": client.now_ms() + 86_400_000,
    }
    return {"card": card, "addressee": client.person.user_id, "reply": "town.heard", "about": {}}
