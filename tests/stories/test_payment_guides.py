"""The conversations of the guides on payments happen as the pages show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.stories.bank import BOT, Bank, Client, in_bank
from tests.stories.conversations import Conversation, Line
from tests.stories.test_payments import invoice, mandate
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

PAGES: Final = (
    "pay.md",
    "allowances.md",
    "be-paid.md",
    "refund.md",
    "pay-an-invoice.md",
    "split-a-bill.md",
    "dispute.md",
    "escrow.md",
    "mandates.md",
    "ban.md",
    "guardians.md",
    "limits.md",
    "freeze.md",
)
"""In this order: the last two lower Alice's limits and stop Bob's payments."""


class Payments(Conversation):
    """A page on payments."""

    def __init__(self, bank: Bank, clients: dict[str, Client]) -> None:
        for client in clients.values():
            client.say("balance")
            client.expect("You have:")
        super().__init__(BOT, clients)
        self._bank = bank
        self._people = clients

    def do(self, line: Line) -> None:
        """Approve a question, pay, or have an organisation ask."""
        alice, deed = self._people["alice"], line.deed
        if deed in {"Alice approves it with her key.", "Bob approves it with his key."}:
            assert deed.lower().startswith(line.chat)
            client = self._people[line.chat]
            answer = client.approve(self.asked[line.chat], client.keys[0])
            assert answer.body == {"outcome": "approved"}
        elif found := re.fullmatch(r"Alice pays Bob (\S+ EUR) for (.+)\.", deed):
            alice.say(f"pay bob {found[1]} {found[2]}")
            assert alice.approve(self.next("alice"), alice.keys[0]).status == 200
            assert self.next("alice").body.startswith("Paid")
        elif deed == "The town sends Alice an invoice.":
            fee = invoice(alice, 1, title="Copy of a birth certificate", notice_id="2026/17")
            self._bank.order("payments.invoice", fee)
        else:
            assert deed == "The waterworks ask Alice for a mandate."
            self._bank.order("payments.mandate", mandate(alice, 1))


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    desk = {"dispute_desk": [f"@clerk:{demo.SERVER_NAME}"]}
    with in_bank(tmp_path_factory.mktemp("guides"), desk) as one:
        for name in ("dan", "clerk"):
            one.house.server.register(name)
        yield one
        one.balances_to_nothing()


@pytest.fixture(scope="module")
def clients(bank: Bank) -> dict[str, Client]:
    """Alice and Bob, with money, a chat and a key; Alice may approve up to 10 EUR by code."""
    people = {name: bank.client(name) for name in ("alice", "bob")}
    for client in people.values():
        client.expect("You were paid", "1,000.00 EUR")
        client.enrol()
    people["alice"].allow_codes(1_000)
    return people


@pytest.mark.parametrize("name", PAGES)
def test_each_conversation_of_the_page_happens_so(
    name: str, bank: Bank, clients: dict[str, Client]
) -> None:
    Payments(bank, clients).play(name)
