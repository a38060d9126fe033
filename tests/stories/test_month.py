"""What was booked in a month: page, CSV, PDF and camt.053 say the same, and what the ledger has.

Each form is read here by itself, from what its reader sees, by no code of ours.
"""

from __future__ import annotations

import csv
import io
import re
import subprocess
import urllib.request
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from lxml import etree

from tests.stories.bank import Bank, Client, in_bank
from tests.support.processes import TIMEOUT_S
from tests.support.programs import program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

API: Final = "/_veche/wallet/v1"
CAMT: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_NUMBER: Final = r"(-?[\d,]+\.\d\d) EUR"
MOVES_NOTHING: Final = 2 | 8 | 512
"""Flags of rows that are a hold, or its end without money."""


@attrs.frozen
class Told:
    """What one form says, in cents.

    Attributes:
        opening: Before the first line.
        lines: Each line and the balance after it, the oldest first.
    """

    opening: int
    lines: tuple[tuple[int, int], ...]

    @classmethod
    def adding_up(cls, opening: int, amounts: list[int]) -> Told:
        """The same of a form that says no balance with each line."""
        sums = [opening + sum(amounts[: n + 1]) for n in range(len(amounts))]
        return cls(opening, tuple(zip(amounts, sums, strict=True)))

    @property
    def closing(self) -> int:
        """After the last line."""
        return self.lines[-1][1]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    shown = {"fees": {"EUR": "0.10"}, "time_zone": "Pacific/Kiritimati"}
    with in_bank(tmp_path_factory.mktemp("month"), shown) as one:
        yield one
        one.balances_to_nothing()


def cents(text: str) -> int:
    return int(Decimal(text.replace(",", "")) * 100)


def get(client: Client, path: str) -> bytes:
    one = urllib.request.Request(client.house.pages_url + API + path)  # noqa: S310 -- ours
    one.add_header("authorization", f"Bearer {client.session}")
    with urllib.request.urlopen(one, timeout=TIMEOUT_S) as answer:  # noqa: S310
        data = answer.read()
    assert isinstance(data, bytes)
    return data


def of_page(view: dict[str, Any]) -> Told:
    lines = tuple((one["minor"], one["balance_minor"]) for one in reversed(view["lines"]))
    told = Told(view["opening_minor"], lines)
    assert told.closing == view["closing_minor"]
    assert view["credit_minor"] == sum(minor for minor, _ in lines if minor > 0)
    assert view["debit_minor"] == -sum(minor for minor, _ in lines if minor < 0)
    return told


def of_csv(data: bytes) -> Told:
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    amounts = [cents(row["credit"] or "0") - cents(row["debit"] or "0") for row in rows]
    balances = [cents(row["balance"]) for row in rows]
    return Told(balances[0] - amounts[0], tuple(zip(amounts, balances, strict=True)))


def of_camt(data: bytes) -> Told:
    [statement] = etree.fromstring(data).iter(f"{{{CAMT}}}Stmt")

    def signed(node: Any) -> int:
        minor = cents(node.findtext("c:Amt", namespaces={"c": CAMT}))
        return minor if node.findtext("c:CdtDbtInd", namespaces={"c": CAMT}) == "CRDT" else -minor

    opening, closing = (signed(one) for one in statement.iter(f"{{{CAMT}}}Bal"))
    told = Told.adding_up(opening, [signed(one) for one in statement.iter(f"{{{CAMT}}}Ntry")])
    assert told.closing == closing
    return told


def of_pdf(data: bytes, folder: Path) -> Told:
    file = folder / "statement.pdf"
    file.write_bytes(data)
    command = [program("pdftotext"), "-layout", str(file), "-"]
    text = subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S).stdout
    words = text.decode()
    found = re.findall(rf" {_NUMBER} +{_NUMBER}$", words, re.MULTILINE)
    [opening] = re.findall(rf"Balance before +{_NUMBER}", words)
    told = Told(cents(opening), tuple((cents(minor), cents(after)) for minor, after in found))
    assert re.findall(rf"Balance after +{_NUMBER}", words) == [f"{told.closing / 100:,.2f}"]
    amounts = [minor for minor, _ in told.lines]
    for label, sign in (("Received", 1), ("Paid", -1)):
        [total] = re.findall(rf"{label} +{_NUMBER}$", words, re.MULTILINE)
        assert cents(total) == sum(abs(minor) for minor in amounts if minor * sign > 0)
    return told


def of_ledger(bank: Bank, minor: int) -> Told:
    """The rows of the account that alone paid this amount."""
    [(account,)] = bank.rows("SELECT debit_id FROM ledger.transfer WHERE amount = %s", minor)
    rows = bank.rows(
        "SELECT CASE WHEN debit_id = %s THEN -amount ELSE amount END FROM ledger.transfer"
        " WHERE %s IN (debit_id, credit_id) AND flags & %s = 0 ORDER BY pos",
        account,
        account,
        MOVES_NOTHING,
    )
    told = Told.adding_up(0, [int(str(minor)) for (minor,) in rows])
    [(balance,)] = bank.rows(
        "SELECT credits_posted - debits_posted FROM ledger.account WHERE id = %s", account
    )
    assert told.closing == balance
    return told


def test_four_forms_of_a_month_say_what_the_ledger_has(bank: Bank, tmp_path: Path) -> None:
    alice, bob = bank.client("alice"), bank.client("bob")
    for one in (alice, bob):
        one.enrol()
        one.expect("You were paid", "1,000.00 EUR")

    def pay(payer: Client, payee: Client, order: str, reference: str) -> str:
        question = payer.ask(f"pay {order} {reference}")
        assert payer.approve(question, payer.keys[0]).status == 200
        payer.expect("Paid", reference)
        said = payee.expect("You were paid", reference).body
        return said.rpartition("Number: ")[2].strip()

    for minor in (1, 99, 1_234, 5_000):
        pay(alice, bob, f"bob {minor / 100:.2f} EUR", f"rent {minor}")
    pay(bob, alice, "alice 0.05 EUR", "=1+1 a formula")
    number = pay(alice, bob, "bob 130.07 EUR", "car")
    bob.say(f"refund {number} 100.01")
    assert bob.approve(bob.expect("Do not pay"), bob.keys[0]).status == 200
    alice.expect("You got money back", "100.01 EUR")

    [days] = bank.rows(
        "SELECT to_char(min(day), 'YYYY-MM-DD'), to_char(max(day), 'YYYY-MM-DD') FROM"
        " (SELECT to_timestamp(at_ms / 1000) AT TIME ZONE 'UTC' AS day FROM ledger.transfer) AS t"
    )
    asked = "currency=EUR&first={}&last={}".format(*days)
    page = alice.call("GET", f"{API}/history?{asked}")
    files = {
        form: get(alice, f"/statement?{asked}&form={form}") for form in ("csv", "pdf", "camt053")
    }

    ledger = of_ledger(bank, 13_007)
    # A payment and its fee are a line each.
    assert len(ledger.lines) == 13
    assert of_page(page.body) == ledger
    assert of_csv(files["csv"]) == ledger
    assert of_camt(files["camt053"]) == ledger
    assert of_pdf(files["pdf"], tmp_path) == ledger
