"""People of two institutions pay one another: two homeservers, two services, two databases."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.stories.bank import Bank, Client, DemoBank, code_in
from tests.stories.peers import HERE, THERE, two_banks
from tests.support.processes import TIMEOUT_S, wait_until
from veche.cli.main import main
from veche.protocol.ids import derived_ulid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bank, Bank]]:
    """Two institutions that have an agreement with one another; the first has a bank."""
    with DemoBank.running(tmp_path_factory.mktemp("bank")) as demo_bank:
        demo_bank.deposit(5_000, "capital")
        folder = tmp_path_factory.mktemp("peers")
        with two_banks(folder, {"banks": [demo_bank.section]}, {}) as both:
            yield both


@pytest.mark.long
def test_alice_pays_bob_of_another_institution(
    banks: tuple[Bank, Bank], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here, there = banks
    alice, bob = here.client("alice"), there.client("bob")
    alice.enrol()
    question = alice.ask(f"pay @bob:{THERE} 12.50 EUR rent")
    assert f"To: bob @bob:{THERE}" in question.body
    assert alice.approve(question, alice.keys[0]).status == 200
    paid = alice.expect("Paid", "To: bob", "rent")
    got = bob.expect("You were paid", f"From: alice @alice:{HERE}", "12.50 EUR", "rent")
    alice.has("987.50 EUR")
    bob.has("1,012.50 EUR")

    # Each has the receipt of their own institution; both name both, and hold offline.
    keys = [one.veche_said(capsys, "ledger", "key") for one in banks]
    given = [option for key in keys for option in ("--key", key)]
    for message in (paid, got):
        file = tmp_path / "receipt.json"
        file.write_text(json.dumps(message.content))
        assert main(["verify", str(file), *given]) == 0
        assert f"{HERE} to {THERE}" in capsys.readouterr().out

    for order, words in (
        (f"pay @nobody:{THERE} 1 EUR", "Nobody of this name can be paid at their institution."),
        ("pay @eve:elsewhere.example 1 EUR", "no agreement with elsewhere.example"),
    ):
        alice.say(order)
        alice.expect(words)
    _is_killed_at_any_moment(here, there, alice, bob)

    assert "you owe them  17.50 EUR of 500.00 EUR" in here.veche_said(capsys, "ledger", "peers")
    assert here.veche("ledger", "settle", THERE, "paid", "17.51 EUR") == 1
    # Our bank pays what we owe; theirs is connected to nothing, so its operator books it.
    assert there.veche("ledger", "settle", HERE, "pay", "1 EUR") == 1
    assert here.veche("ledger", "settle", THERE, "pay", "17.51 EUR") == 1
    assert here.veche("ledger", "settle", THERE, "pay", "17.50 EUR", "--reference", "Nov") == 0
    assert there.veche("ledger", "settle", HERE, "received", "17.50 EUR") == 0
    for bank in banks:
        wait_until(partial(_is_settled, bank), TIMEOUT_S, "it is not settled")
    # The bank has said it; the ledger's writer books it a moment later.
    wait_until(
        lambda: "you owe them  0.00 EUR" in here.veche_said(capsys, "ledger", "peers"),
        TIMEOUT_S,
        "it is still owed",
    )
    assert there.veche("ledger", "check") == 0
    assert here.veche("ledger", "check") == 0
    for bank in banks:
        bank.balances_to_nothing()
    _heads_are_kept_by_anybody(here, tmp_path, capsys)


def _heads_are_kept_by_anybody(
    bank: Bank, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody goes into the room of the ledger's heads, and checks what they have of it."""
    server, client = bank.house.server, "/_matrix/client/v3"
    token = server.login(server.register("reader"))
    room = quote(f"#veche_ledger:{HERE}")
    joined = server.call("POST", f"{client}/join/{room}", token=token, body={})
    messages = f"{client}/rooms/{quote(joined.body['room_id'])}/messages"
    [(size,)] = bank.rows("SELECT max(seq) FROM ledger.block")
    file = folder / "room.json"

    def is_posted() -> bool:
        query = {"dir": "b", "limit": "500"}
        copy = server.call("GET", messages, token=token, query=query).body
        file.write_text(json.dumps(copy))
        return any(f"/0\n{size}\n" in str(one["content"].get("body")) for one in copy["chunk"])

    wait_until(is_posted, TIMEOUT_S, "the newest head is not posted")
    key = bank.veche_said(capsys, "ledger", "key")
    assert main(["verify", str(file), "--key", key]) == 0
    assert "each begins with the one before" in capsys.readouterr().out
    assert main(["verify", str(file), "--online", "--site", bank.house.pages_url]) == 0
    assert "the ledger of today begins with all of them" in capsys.readouterr().out
    assert "had all of them" in bank.veche_said(capsys, "ledger", "head", "--room", str(file))


def _is_settled(bank: Bank) -> bool:
    return bank.rows("SELECT state FROM payments.peer_settlement") == [("booked",)]


def _is_killed_at_any_moment(here: Bank, there: Bank, alice: Client, bob: Client) -> None:
    alice.allow_codes(10_000)
    question = alice.ask(f"pay @bob:{THERE} 3 EUR while he is away")
    there.house.kill()
    alice.person.reply(alice.room, question.event_id, code_in(question))
    wait_until(lambda: here.peer_states() == {"done", "preparing"}, TIMEOUT_S, "it is not asked")
    alice.say(f"pay @bob:{THERE} 1 EUR")
    alice.expect("Their institution does not answer. Nothing was paid")
    there.house.start()
    bob.expect("You were paid", "3.00 EUR", "while he is away")

    question = alice.ask(f"pay @bob:{THERE} 2 EUR while she ends")
    asked = partial(here.rows, "SELECT count(*) FROM payments.peer_out")
    before = asked()
    alice.person.reply(alice.room, question.event_id, code_in(question))
    # It may be done before anybody looks.
    wait_until(lambda: asked() != before, TIMEOUT_S, "it is not asked")
    here.house.kill()
    here.house.start()
    bob.expect("You were paid", "2.00 EUR", "while she ends")
    wait_until(lambda: here.peer_states() == {"done"}, TIMEOUT_S, "it is not done")
    alice.has("982.50 EUR")
    bob.has("1,017.50 EUR")


@pytest.mark.long
def test_a_merchant_of_the_other_institution_is_paid_by_an_invoice(
    banks: tuple[Bank, Bank],
) -> None:
    here, there = banks
    rich = here.client("rich")
    rich.enrol()
    first, second = _invoice(rich, 1), _invoice(rich, 2)
    there.order("payments.invoice", first)
    question = rich.expect("Invoice", "Bread", f"bakery:{THERE}", "Do not pay")
    assert rich.approve(question, rich.keys[0]).status == 200
    rich.expect("Paid", "Bread")
    there.expect_told("bakery", case="1", state="paid")
    rich.has("987.50 EUR")

    # Taken back, it goes back by itself.
    there.order("payments.withdraw", {"invoice": first["card"]["id"], "issuer": "bakery"})
    rich.expect("You got money back", "12.50 EUR")
    there.expect_told("bakery", case="1", state="refunded")
    rich.has("1,000.00 EUR")

    # While the payer's institution is away nothing is lost: it is asked once it is back.
    here.house.kill()
    there.order("payments.invoice", second)
    here.house.start()
    rich.expect("Invoice", "Bread", "Do not pay")
    there.order("payments.withdraw", {"invoice": second["card"]["id"], "issuer": "bakery"})
    rich.expect("took back", "Bread")
    for bank in banks:
        bank.balances_to_nothing()
        assert bank.veche("ledger", "check") == 0


def _invoice(client: Client, number: int) -> dict[str, Any]:
    """The bakery wants 12.50 EUR."""
    amount = {"minor": 1_250, "currency": "EUR"}
    card = {
        "v": 1,
        "id": derived_ulid(1, "invoice abroad", number),
        "issuer": "bakery",
        "issuer_name": "Bakery",
        "title": "Bread",
        "lines": [{"text": "Bread", "amount": amount}],
        "total": amount,
        "due_at_ms": client.now_ms() + 86_400_000,
    }
    about = {"case": str(number)}
    return {
        "card": card,
        "addressee": client.person.user_id,
        "reply": "bakery.heard",
        "about": about,
    }
