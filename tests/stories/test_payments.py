"""People pay one another, by key and by code, and what does not go is said."""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.stories.bank import BOT, Bank, Client, code_in, in_bank
from tests.support.keys import approval_of
from tests.support.processes import TIMEOUT_S, wait_until
from veche.cli.main import main
from veche.contracts.payments.receipt import RECEIPT_KEY
from veche.protocol.ids import derived_ulid
from veche.protocol.texts.typed_choice import keycap
from veche.runtime.verifying.published import Site
from veche.server import demo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    desk = {"dispute_desk": [f"@clerk:{demo.SERVER_NAME}"]}
    with in_bank(tmp_path_factory.mktemp("bank"), desk) as one:
        yield one
        one.balances_to_nothing()


@pytest.fixture(scope="module")
def alice(bank: Bank) -> Client:
    """She has money, a chat and a key."""
    client = bank.client("alice")
    client.expect("You were paid", "1,000.00 EUR")
    client.enrol()
    return client


@pytest.fixture(scope="module")
def bob(bank: Bank) -> Client:
    """He has money and a chat."""
    return bank.client("bob")


@pytest.fixture(scope="module")
def clerk(bank: Bank) -> Client:
    """She decides disputes, and has a chat and a key."""
    client = bank.client("clerk")
    client.enrol()
    return client


def test_alice_pays_bob_with_her_key_and_both_get_the_receipt(alice: Client, bob: Client) -> None:
    question = alice.ask("pay bob 12.50 EUR rent")
    for words in ("To: bob @bob:", "12.50 EUR", "Fee: 0.00 EUR", "rent"):
        assert words in question.body

    assert alice.approve(question, alice.keys[0]).body == {"outcome": "approved"}
    alice.expect("Paid", "To: bob", "rent")
    bob.expect("You were paid", "From: alice @alice:", "12.50 EUR")
    assert "Approved." in alice.edit_of(question).body
    alice.has("987.50 EUR")
    bob.has("1,012.50 EUR")
    alice.say("history")
    assert "-12.50 EUR · bob · rent" in alice.expect("Your latest payments").body


def test_a_small_payment_is_approved_by_the_code(alice: Client, bob: Client) -> None:
    alice.allow_codes(1_000)
    question = alice.ask("pay @bob 7 EUR for lunch")
    alice.person.reply(alice.room, question.event_id, code_in(question))

    alice.expect("Paid", "lunch")
    bob.expect("You were paid", "lunch")


def test_anybody_can_check_the_receipt(
    bank: Bank, alice: Client, bob: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = alice.ask("pay bob 3 EUR proof")
    assert alice.approve(question, alice.keys[0]).status == 200
    paid = alice.expect("Paid", "proof").content
    got = bob.expect("You were paid", "proof").content
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(paid))

    def is_published() -> bool:
        return bool(
            bank.rows(
                "SELECT size FROM ledger.checkpoint WHERE size >= %s",
                paid[RECEIPT_KEY]["ledger_proof"]["block"]["seq"],
            )
        )

    wait_until(is_published, TIMEOUT_S, "no head was published")
    assert main(["verify", str(file), "--online", "--site", bank.house.pages_url]) == 0
    assert "published  yes" in capsys.readouterr().out
    assert got[RECEIPT_KEY] == paid[RECEIPT_KEY]
    file.write_text(json.dumps(paid).replace(': 300, "', ': 3000, "'))
    assert main(["verify", str(file), "--online", "--site", bank.house.pages_url]) == 1
    assert "False: it was changed" in capsys.readouterr().err

    # Later it is sent as a file, which has the published head in it.
    bob.say(f"receipt {got['body'].rpartition('Number: ')[2].strip().lower()}")
    bob.expect("proves the payment", f"{bank.house.pages_url}/verify")
    assert bob.person.download(bob.expect("receipt-", ".pdf").content).startswith(b"%PDF")
    file.write_bytes(bob.person.download(bob.expect("receipt-", ".json").content))
    [key] = Site(bank.house.pages_url).keys("/.well-known/veche/payments")
    assert main(["verify", str(file), "--key", key.to_text()]) == 0
    assert "published  yes" in capsys.readouterr().out
    bob.say("receipt 00000000")
    bob.expect("There is no payment of yours of this number.")


def test_what_was_approved_once_is_paid_once(bank: Bank, alice: Client) -> None:
    alice.allow_codes(5_000)
    question = alice.ask("pay bob 3.33 EUR once")
    code = code_in(question)
    for _ in range(3):
        alice.person.reply(alice.room, question.event_id, code)
    alice.expect("Paid", "once")
    for _ in range(2):
        alice.expect("You can write at any time:")

    [(count,)] = bank.rows("SELECT count(*) FROM ledger.transfer WHERE amount = 333")
    assert count == 1


def test_nothing_is_paid_without_the_key(bank: Bank, alice: Client) -> None:
    question = alice.ask("pay bob 150 EUR without")
    alice.choose(question, "pay")
    alice.expect("only with the signature of your key")
    alice.choose(question, "decline")

    assert "Not paid." in alice.edit_of(question).body
    assert bank.rows("SELECT FROM ledger.transfer WHERE amount = 15000") == []


@pytest.mark.usefixtures("bob")
@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("pay bob 5000 EUR", "are needed. Nothing was paid."),
        ("pay nobody 5 EUR", "Nobody of this name can be paid here."),
        ("pay @eve:elsewhere.example 5 EUR", "has no agreement with elsewhere.example"),
        (f"pay {BOT} 5 EUR", "Nobody of this name can be paid here."),
        ("pay alice 5 EUR", "You cannot pay yourself."),
        ("pay bob 1,250 EUR", "Is that a thousand"),
        ("pay bob 0 EUR", "The amount has to be above zero:"),
        ("send 5 EUR to bob", "Did you mean this?\npay bob 5 EUR"),
        ("pay bob smith 5 EUR", "Whom you pay is one word"),
        ("pay RF18539007547034", "No invoice with this reference can be paid now."),
        ("pay RF18YYHK 70TJ80KE16SR", "a character of it is missing or wrong"),
        ("pay bob 12 all the rest", "Did you mean this?\npay bob 12 EUR all the rest"),
        ("pay", "Write whom, how much and what for, in one line:\npay bob 12.50 EUR rent"),
        ("pay bob 5 BTC", "This currency is not kept here. Here are: EUR."),
        ("limits week 5 EUR", "I cannot read that, so nothing has changed."),
        ("escrow ABCD1234 share 60", "No escrow of yours has this number."),
        ("limits day -5 EUR", "above zero:\nlimits day 100 EUR"),
        ("pay bob 5 USD", "This currency is not kept here. Here are: EUR."),
        ("pay bob", "Write whom, how much and what for"),
    ],
)
def test_what_cannot_be_paid_is_said_at_once(alice: Client, order: str, words: str) -> None:
    alice.say(order)

    alice.expect(words)


def test_the_first_large_payment_to_somebody_waits_and_can_be_stopped(
    bank: Bank, alice: Client
) -> None:
    bank.house.server.register("stranger")
    question = alice.ask("pay stranger 250 EUR holiday")
    assert alice.approve(question, alice.keys[0]).status == 200
    waits = alice.expect("is approved and waits until")
    assert "They are new to you" in waits.body
    alice.choose(waits, "stop")

    assert "Not paid." in alice.edit_of(waits).body
    [(state,)] = bank.rows("SELECT state FROM payments.payment WHERE amount = 25000")
    assert state == "cancelled"


def test_who_has_no_chat_yet_is_invited_to_their_receipt(bank: Bank, alice: Client) -> None:
    carol = bank.house.person("carol")
    question = alice.ask("pay carol 2 EUR coffee")
    assert alice.approve(question, alice.keys[0]).status == 200
    [room] = carol.accept_invites()

    carol.wait_for(room, "2.00 EUR")


def test_a_refund_goes_back_up_to_what_was_paid(alice: Client, bob: Client) -> None:
    bob.enrol()
    question = alice.ask("pay bob 10 EUR book")
    assert alice.approve(question, alice.keys[0]).status == 200
    number = bob.expect("You were paid", "book").body.rpartition("Number: ")[2].strip()
    bob.say(f"refund {number} 10.01")
    bob.expect("More cannot be given back than was paid.")
    bob.say(f"refund {number} 4 EUR")
    asked = bob.expect("Do not pay")
    assert bob.approve(asked, bob.keys[0]).status == 200
    bob.expect("Given back")
    alice.expect("You got money back", "4.00 EUR")
    bob.say(f"refund {number} 6.01")
    bob.expect("More cannot be given back than was paid.")


def test_an_own_limit_for_a_day_refuses_and_is_not_raised_at_once(bank: Bank) -> None:
    rich = bank.client("rich")
    rich.enrol()
    rich.say("limits day 5 EUR")
    rich.expect("in 24 hours goes out at most: 5.00 EUR")
    rich.say("limits day off")
    rich.expect("5.00 EUR (from", "no limit")
    question = rich.ask("pay bob 5.01 EUR too much")
    assert rich.approve(question, rich.keys[0]).status == 200

    rich.expect("This is above your own limit for a day, so nothing was paid.")


def invoice(client: Client, number: int, *, version: int = 1, **more: object) -> dict[str, Any]:
    """A fee of the town for somebody, of 12.50 EUR in two lines."""
    lines = [("Copy", 1000), ("Postage", 250)]
    card = {
        "v": 1,
        "id": derived_ulid(1, "invoice", number),
        "version": version,
        "issuer": "lindenau",
        "issuer_name": "Town of Lindenau",
        "title": "Birth certificate",
        "lines": [{"text": text, "amount": euros(minor)} for text, minor in lines],
        "total": euros(1250),
        "due_at_ms": client.now_ms() + 86_400_000,
        "law": "Fee Act, section 3",
        "appeal": "In writing to the office.",
        **more,
    }
    return {
        "card": card,
        "addressee": client.person.user_id,
        "reply": "lindenau.heard",
        "about": {"case": str(number)},
    }


def euros(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "EUR"}


def test_an_invoice_is_paid_and_its_office_hears_of_it(bank: Bank, alice: Client) -> None:
    bank.order("payments.invoice", invoice(alice, 1, notice_id="2026/1"))
    question = alice.expect("Invoice", "Do not pay")
    for words in ("Town of Lindenau", "2026/1", "Postage: 2.50 EUR", "Fee Act", "In writing"):
        assert words in question.body
    assert question.content["org.veche.invoice"]["total"] == euros(1250)
    assert alice.approve(question, alice.keys[0]).status == 200

    alice.expect("Paid", "Birth certificate")
    bank.expect_told("lindenau", case="1", state="paid")
    bank.order("payments.invoice", invoice(alice, 2, notice_id="2026/1"))
    bank.expect_told("lindenau", case="2", state="refused")


def test_a_paid_invoice_that_is_taken_back_is_refunded(bank: Bank, alice: Client) -> None:
    bank.order("payments.invoice", invoice(alice, 3))
    assert alice.approve(alice.expect("Invoice", "Do not pay"), alice.keys[0]).status == 200
    bank.expect_told("lindenau", case="3", state="paid")
    back = {"invoice": invoice(alice, 3)["card"]["id"], "issuer": "lindenau"}
    bank.order("payments.withdraw", back)

    alice.expect("You got money back", "12.50 EUR")
    bank.expect_told("lindenau", case="3", state="refunded")


def test_a_newer_version_of_an_invoice_ends_the_question_of_the_older(
    bank: Bank, alice: Client
) -> None:
    bank.order("payments.invoice", invoice(alice, 4, title="First"))
    first = alice.expect("Invoice", "First", "Do not pay")
    seen = alice.look(first)
    bank.order("payments.invoice", invoice(alice, 4, version=2, title="Second"))
    second = alice.expect("Invoice", "Second", "Do not pay")
    signed = alice.keys[0].signed(approval_of(seen["asked"], seen["now_ms"]))

    assert alice.hand_in(signed).status == 409
    assert alice.approve(second, alice.keys[0]).status == 200
    alice.expect("Paid", "Second")


def test_an_objection_stops_the_clock_until_a_newer_version_comes(
    bank: Bank, alice: Client
) -> None:
    bank.order("payments.invoice", invoice(alice, 5, title="Fine", notice_id="2026/5"))
    question = alice.expect("Invoice", "Fine", "Object")
    alice.choose(question, "object")
    assert "You object." in alice.edit_of(question).body
    bank.expect_told("lindenau", case="5", state="objected")
    upheld = invoice(alice, 5, version=2, title="Upheld", notice_id="2026/5")
    bank.order("payments.invoice", upheld)
    again = alice.expect("Invoice", "Upheld")

    assert alice.approve(again, alice.keys[0]).status == 200
    bank.expect_told("lindenau", case="5", state="paid")


def mandate(client: Client, number: int) -> dict[str, Any]:
    """The waterworks may debit at most 20 EUR at once, 30 EUR a month."""
    now_ms = client.now_ms()
    return {
        "id": derived_ulid(1, "mandate", number),
        "payee": "waterworks",
        "payee_name": "Waterworks",
        "payer": client.person.user_id,
        "purpose": "Water",
        "each_max": euros(2000),
        "period": "month",
        "period_max": euros(3000),
        "starts_at_ms": now_ms,
        "ends_at_ms": now_ms + 10**10,
        "notice_ms": 0,
        "reply": "waterworks.heard",
    }


def charge(bank: Bank, number: int, minor: int) -> str:
    """Debit by the mandate of that number; the id of the charge."""
    id_ = derived_ulid(1, "charge", secrets.token_hex(8))
    order = {
        "id": id_,
        "mandate": derived_ulid(1, "mandate", number),
        "payee": "waterworks",
        "amount": euros(minor),
        "title": "Water bill",
        "reply": "waterworks.heard",
    }
    bank.order("payments.charge", order)
    return id_


def test_a_mandate_lets_debit_up_to_its_caps_and_is_ended_in_one_tap(
    bank: Bank, alice: Client
) -> None:
    bank.order("payments.mandate", mandate(alice, 1))
    question = alice.expect("Waterworks asks for a mandate", "at most 30.00 EUR a month")
    bank.expect_told("waterworks", charge=charge(bank, 1, 100), state="refused", why="not_active")
    assert alice.approve(question, alice.keys[0]).status == 200
    bank.expect_told("waterworks", state="active")

    bank.expect_told("waterworks", charge=charge(bank, 1, 1500), state="paid")
    alice.expect("Paid", "Water bill", "15.00 EUR")
    bank.expect_told("waterworks", charge=charge(bank, 1, 2001), why="above_each")
    bank.expect_told("waterworks", charge=charge(bank, 1, 1501), why="above_period")
    alice.expect("Waterworks tried to debit you with 15.01 EUR, and it was refused.")
    alice.say("mandates")
    shown = alice.expect("Mandate: Waterworks", "active")
    alice.person.react(alice.room, shown.event_id, keycap(2))
    bank.expect_told("waterworks", state="ended")
    bank.expect_told("waterworks", charge=charge(bank, 1, 1), state="refused", why="not_active")


def test_money_put_aside_is_the_seller_s_when_two_of_three_say_so(
    alice: Client, bob: Client, clerk: Client
) -> None:
    alice.say("escrow bob 40 EUR bicycle; arbiter clerk")
    for one in (bob, clerk):
        one.choose(one.expect("Escrow", "bicycle", "Do not take part"), "join")
    funding = alice.expect("All agreed.", "Do not put it aside")
    assert "2 of 3" in funding.body
    alice.choose(funding, "fund")
    alice.expect("only with the signature of your key")
    assert alice.approve(funding, alice.keys[0]).status == 200
    held = alice.expect("The money is put aside.")
    clerk.expect("The money is put aside.")
    number = held.body.partition("Number: ")[2][:8]
    for one in (alice, clerk):
        one.say(f"escrow {number} release")
        assert one.approve(one.expect("All to bob", "Not now"), one.keys[0]).status == 200

    bob.expect("bob got all of it: 40.00 EUR.")
    bob.expect("You were paid out of an escrow", "40.00 EUR", "bicycle")
    alice.expect("Paid out of what you put aside", "40.00 EUR")
    alice.say("history")
    assert "-40.00 EUR · bob · Escrow · bicycle" in alice.expect("Your latest payments").body


def test_a_dispute_sets_the_amount_aside_until_the_desk_has_decided(
    alice: Client, bob: Client, clerk: Client
) -> None:
    question = alice.ask("pay bob 20 EUR vase")
    assert alice.approve(question, alice.keys[0]).status == 200
    number = alice.expect("Paid", "vase").body.rpartition("Number: ")[2].strip()
    alice.say(f"dispute {number} it arrived broken")
    assert alice.approve(alice.expect("Do not dispute it"), alice.keys[0]).status == 200
    alice.expect("bob has until")
    bob.expect("This amount of yours is set aside", "it arrived broken", "20.00 EUR")
    bob.say(f"dispute {number} it was whole")
    clerk.expect("Please decide until", "it arrived broken", "it was whole")
    clerk.say(f"dispute {number} 5 EUR the lid alone was broken")
    assert clerk.approve(clerk.expect("Decide so"), clerk.keys[0]).status == 200

    for one in (alice, bob):
        decided = one.expect("5.00 EUR goes back, 15.00 EUR stays with bob.")
        assert "the lid alone was broken" in decided.body
    alice.expect("You got money back", "5.00 EUR", "vase")
    bob.expect("Given back", "5.00 EUR")


@pytest.mark.usefixtures("bob")
def test_freezing_stops_everything_until_a_key_ends_it(bank: Bank) -> None:
    rich = bank.client("wary")
    rich.enrol()
    waiting = rich.ask("pay bob 1 EUR before")
    rich.say("Freeze everything!")
    rich.expect("Everything is stopped.")
    assert "Not paid." in rich.edit_of(waiting).body
    rich.say("pay bob 1 EUR after")
    rich.expect("You froze your payments")
    rich.say("unfreeze")
    question = rich.expect("Leave it stopped")
    assert rich.approve(question, rich.keys[0]).status == 200
    rich.expect("Your payments go on.")
    again = rich.ask("pay bob 1 EUR again")
    assert rich.approve(again, rich.keys[0]).status == 200

    rich.expect("Paid", "again")


def test_no_table_of_payments_says_who_paid_whom_for_what(bank: Bank, alice: Client) -> None:
    assert alice.person.user_id.startswith("@alice:")
    tables = (
        *("holder", "account", "payment", "invoice", "mandate", "mandate_period", "untold"),
        *("escrow", "escrow_party", "dispute", "given_back", "case_room"),
    )
    kept = "".join(
        str(row)
        for table in tables
        for row in bank.rows(f"SELECT * FROM payments.{table}")  # noqa: S608 -- constants
    )

    assert "paid" in kept
    for word in (
        "alice",
        "bob",
        "rent",
        "lunch",
        "bicycle",
        "vase",
        "broken",
        "Birth certificate",
        "Waterworks",
        "Water",
    ):
        # Whole words: three letters in a row stand in some nonce sooner or later.
        assert re.search(rf"\b{word}\b", kept) is None, word
