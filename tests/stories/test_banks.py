"""Money comes in from a real bank process and goes out by it, and everybody is told what it did."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from appservices.payments.banks.core.orders import SILENCE_DAYS
from appservices.payments.demo.shop import ID as SHOP
from appservices.payments.demo.shop import DemoShop
from appservices.payments.demo_bank.__main__ import CUSTOMER
from appservices.payments.demo_bank.bank import demo_iban
from tests.stories.bank import Bank, Client, DemoBank, in_bank
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from veche.server.demo import ALICE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

BOB_IBAN = demo_iban(3)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    with DemoBank.running(tmp_path_factory.mktemp("demo-bank")) as one:
        yield one


@pytest.fixture(scope="module")
def bank(demo: DemoBank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    shop = DemoShop(tmp_path_factory.mktemp("shop"), "http://localhost")
    section = {
        "banks": [demo.section],
        "organisations": [shop.section],
        "grants": {ALICE.user_id: "1000 EUR", SHOP: "7 EUR"},
    }
    with in_bank(tmp_path_factory.mktemp("bank"), section) as one:
        yield one
        one.balances_to_nothing()


@pytest.fixture(scope="module")
def alice(bank: Bank) -> Client:
    """She has money, a chat and a key."""
    client = bank.client("alice")
    client.expect("You were paid", "1,000.00 EUR")
    client.enrol()
    return client


def test_money_from_a_bank_finds_its_person(demo: DemoBank, alice: Client) -> None:
    alice.say("topup")
    told = alice.expect("Account", demo.account, "Reference").body
    [reference] = re.findall(r"RF[0-9]{2}[0-9A-Z]+", told)
    picture = alice.person.download(alice.expect("top-up.png").content)
    assert picture.startswith(b"\x89PNG")

    for amount_minor, words in ((2_550, "25.50 EUR came in"), (450, "4.50 EUR came in")):
        demo.deposit(amount_minor, reference)
        alice.expect(words)
    alice.has("1,030.00 EUR")


def test_a_payout_is_told_of_when_it_is_booked(alice: Client) -> None:
    question = alice.ask(f"payout 50 EUR to {BOB_IBAN} Bob Beispiel")
    for words in ("Payout", "Bob Beispiel", BOB_IBAN, "50.00 EUR", "the name is that of the owner"):
        assert words in question.body
    assert alice.approve(question, alice.keys[0]).status == 200

    alice.expect("I tell you when it is booked", "50.00 EUR")
    alice.expect("Paid out", BOB_IBAN, "50.00 EUR")
    alice.has("980.00 EUR")
    alice.say("history")
    lines = alice.expect("Your latest payments").body.splitlines()
    shown = [" · ".join(line.split(" · ")[:2]) for line in lines if " · " in line]
    assert shown[:3] == [
        "• -50.00 EUR · Bob Beispiel",
        "• 4.50 EUR · Top-up",
        "• 25.50 EUR · Top-up",
    ]


def test_the_money_of_what_a_bank_refuses_is_there_again(alice: Client) -> None:
    question = alice.ask(f"payout 50.01 EUR to {BOB_IBAN} Bob Beispil")
    assert "the owner is called: Bob Beispiel" in question.body
    assert alice.approve(question, alice.keys[0]).status == 200

    alice.expect("The bank did not do your payout.", "The account is closed.", "50.01 EUR")
    alice.has("980.00 EUR")


def test_the_money_of_what_comes_back_is_there_again(demo: DemoBank, alice: Client) -> None:
    question = alice.ask(f"payout 50.06 EUR to {BOB_IBAN} Somebody Else")
    assert "the account is not that of somebody of this name" in question.body
    assert alice.approve(question, alice.keys[0]).status == 200
    alice.expect("Paid out", "50.06 EUR")
    alice.has("929.94 EUR")
    demo.end_day()

    alice.expect("Your payout came back", "The bank gives no reason.", "50.06 EUR")
    alice.has("980.00 EUR")


def test_a_payout_of_which_the_bank_says_nothing_ends_once_the_operator_has_asked(
    bank: Bank, demo: DemoBank, alice: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    question = alice.ask(f"payout 50.04 EUR to {BOB_IBAN} Bob Beispiel")
    assert alice.approve(question, alice.keys[0]).status == 200
    alice.expect("I tell you when it is booked", "50.04 EUR")
    sent = "SELECT id FROM payments.bank_order WHERE state = 'sent'"
    wait_until(lambda: bool(bank.rows(sent)), WAIT_S, "the bank does not have it")
    for _ in range(SILENCE_DAYS):
        demo.end_day()
    alice.expect("The bank has not said for days", "stays set aside", "50.04 EUR")
    alice.has("929.96 EUR")

    assert bank.veche("ledger", "reconcile") == 1
    [order_id] = re.findall(r"order ([0-9A-Z]{26}): .*, asked", capsys.readouterr().out)
    assert bank.veche("ledger", "order", order_id.lower(), "never-got") == 1
    assert "there is no such order" in capsys.readouterr().err
    assert bank.veche("ledger", "order", order_id, "never-got") == 0

    alice.expect("The bank did not do your payout.", "The bank never got it.", "50.04 EUR")
    alice.has("980.00 EUR")
    assert bank.veche("ledger", "order", order_id, "paid") == 1
    assert "the order is rejected" in capsys.readouterr().err
    assert bank.veche("ledger", "file", "nobody's", "again") == 1
    assert "there is no such file" in capsys.readouterr().err
    [(file_id,)] = bank.rows("SELECT file FROM payments.bank_order WHERE id = %s", order_id)
    assert bank.veche("ledger", "file", str(file_id), "never-got") == 1
    assert "has taken or refused it" in capsys.readouterr().err
    assert bank.veche("ledger", "resume", "demo") == 1
    assert "its payouts are not stopped" in capsys.readouterr().err


def test_a_difference_is_brought_into_suspense_and_the_next_day_adds_up(
    bank: Bank, demo: DemoBank, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that is on its way and is none, and is gone a day later."""
    bank.rows(
        "INSERT INTO payments.bank_line"
        " (bank, key, sha256, signed_minor, booked_on, state, sealed, at_ms)"
        " VALUES ('demo', 'x', %s, 1, '2000-01-01', 'moving', '', 0) RETURNING key",
        b"x" * 32,
    )
    resume = ("ledger", "resume", "demo", "--suspense")
    stopped = "SELECT name FROM payments.bank WHERE stopped_at_ms IS NOT NULL"
    open_ = "SELECT key FROM payments.bank_line WHERE state = 'suspense'"
    names: list[str] = []
    for count in (1, 2):
        demo.end_day()
        wait_until(lambda: bool(bank.rows(stopped)), WAIT_S, "payouts go on")
        assert bank.veche(*resume) == 1
        assert "--why: say why" in capsys.readouterr().err
        assert bank.veche(*resume, "--why", "told twice") == 0
        wait_until(lambda: not bank.rows(stopped), WAIT_S, "payouts are stopped")
        open_count = f"SELECT 1 FROM ({open_}) AS o HAVING count(*) = {count}"  # noqa: S608 -- of this test
        wait_until(partial(_is_there, bank, open_count), WAIT_S, "it is not in suspense")
        capsys.readouterr()
        assert bank.veche("ledger", "suspense") == 1
        names = re.findall(r"(?m)^(difference \S+) ", capsys.readouterr().out)
        bank.rows("DELETE FROM payments.bank_line WHERE key = 'x' RETURNING key")

    assert bank.veche(*resume, "--why", "again") == 1
    assert "its payouts are not stopped" in capsys.readouterr().err
    assert len(names) == 2
    assert bank.veche("ledger", "suspense", *names, "--match", "--why", "told twice") == 0
    assert bank.veche("ledger", "suspense") == 0
    demo.end_day()


def _is_there(bank: Bank, statement: str) -> bool:
    return bool(bank.rows(statement))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("payout 50 EUR to DE02120300000000202052 Bob", "its digits do not fit together"),
        (f"payout 50 EUR to {BOB_IBAN}", "Write how much, to which account"),
        (f"payout 0 EUR to {BOB_IBAN} Bob", "above zero:\npayout 50.00 EUR to"),
        (f"payout 5 EUR to {CUSTOMER} Bank", "That account is this institution's own"),
        (f"payout 5 USD to {BOB_IBAN} Bob", "This currency is not kept here. Here are: EUR."),
        (f"payout 5000 EUR to {BOB_IBAN} Bob", "are needed. Nothing was paid."),
        ("topup elsewhere", "There is no such bank here. Here are: demo."),
        ("statement 13.2026", "Write a month that has begun, as in:"),
        ("refund", "Write the number of the payment, and how much if not all"),
        ("receipt", "Write the number of the payment;"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(alice: Client, order: str, words: str) -> None:
    alice.say(order)

    alice.expect(words)


def test_the_statement_of_the_month_comes_as_files(alice: Client) -> None:
    alice.say("statement")
    alice.expect("are your statement")
    table = alice.person.download(alice.expect("statement-", ".csv").content).decode()
    paper = alice.person.download(alice.expect("statement-", ".pdf").content)

    assert [line.split(",")[3:6] for line in table.splitlines()[1:]] == [
        ["1000.00", "", "1000.00"],
        ["25.50", "", "1025.50"],
        ["4.50", "", "1030.00"],
        ["", "50.00", "980.00"],
        ["", "50.06", "929.94"],
        ["50.06", "", "980.00"],
    ]
    assert "Bob Beispiel" in table
    assert paper.startswith(b"%PDF-")


def test_nobody_who_froze_everything_is_paid_out(alice: Client) -> None:
    question = alice.ask(f"payout 7 EUR to {BOB_IBAN} Bob Beispiel")
    alice.say("freeze")
    alice.expect("Everything is stopped.")
    assert "Not paid." in alice.edit_of(question).body
    alice.say(f"payout 8 EUR to {BOB_IBAN} Bob Beispiel")

    alice.expect("You froze your payments, so nothing was paid.")
    alice.has("980.00 EUR")


def test_the_operator_sees_where_ledger_and_bank_stand(
    bank: Bank, alice: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bank.veche("ledger", "check") == 0
    assert "everything adds up" in capsys.readouterr().out
    assert bank.veche("ledger", "head") == 0
    assert "\nhead  " in capsys.readouterr().out
    assert bank.veche("ledger", "reconcile") == 0
    said = capsys.readouterr().out
    for words in ("unexplained     €0.00", "in suspense     €0.00", "in doubt 0"):
        assert words in said.replace("0.00 EUR", "€0.00")

    [(month,)] = bank.rows(
        "SELECT to_char(to_timestamp(at_ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM')"
        " FROM ledger.transfer ORDER BY pos LIMIT 1"
    )
    for format_, begins in (("csv", b"day,time,id"), ("camt", b"<?xml"), ("pdf", b"%PDF-")):
        arguments = (
            alice.person.user_id,
            str(month),
            "--format",
            format_,
            "--folder",
            str(tmp_path),
        )
        assert bank.veche("ledger", "statement", *arguments) == 0
        [path] = capsys.readouterr().out.split()
        assert Path(path).read_bytes().startswith(begins)
    folder = ("--folder", str(tmp_path))
    path = bank.veche_said(capsys, "ledger", "statement", SHOP, str(month), *folder)
    assert "7.00,,7.00,EUR" in Path(path).read_text()
    for nobody in ("@nobody:here", "nobody"):
        assert bank.veche("ledger", "statement", nobody, str(month)) == 1
        assert "there is no such account" in capsys.readouterr().err


def test_the_operator_sees_what_the_ledger_cannot_take(
    bank: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bank.veche("ledger", "dead") == 0
    assert "no dead letters" in capsys.readouterr().out
    bank.rows(
        "WITH broken AS (INSERT INTO payments.attempt (kind, about, chain, at_ms)"
        " VALUES ('nobody', 'x', '[{\"amount\": 7}]', 0) RETURNING id)"
        " INSERT INTO payments.dead_letter (attempt_id, why, at_ms)"
        " SELECT id, 'too large', 0 FROM broken RETURNING attempt_id"
    )

    assert bank.veche("ledger", "dead") == 1
    said = capsys.readouterr().out
    assert "nobody x 1970-01-01T00:00:00+00:00\n  too large\n" in said
    assert '{"amount": 7}' in said
    assert bank.veche("ledger", "dead", "--retry", "999999") == 1
    assert "there is no such dead letter" in capsys.readouterr().err
    bank.rows("DELETE FROM payments.attempt WHERE kind = 'nobody' RETURNING id")


def test_the_operator_is_told_which_block_was_changed_by_hand(
    bank: Bank, capsys: pytest.CaptureFixture[str]
) -> None:
    bank.rows(
        "SET session_replication_role = replica;"
        "UPDATE ledger.transfer SET ext = ext + 1"
        " WHERE pos = (SELECT min(pos) FROM ledger.transfer)"
        " RETURNING pos >> 13"
    )

    assert bank.veche("ledger", "check") == 1
    assert "does not hold what was committed" in capsys.readouterr().out


def test_an_ordinary_restart_warns_of_nothing(bank: Bank, alice: Client) -> None:
    [service] = bank.house.replicas
    bank.house.stop()
    before = len(service.log())
    bank.house.start()
    alice.say("balance")
    alice.expect("You have:")

    lines = service.log()[before:].splitlines()
    assert [line for line in lines if " WARNING " in line or " ERROR " in line] == []
    assert len(lines) > 1
