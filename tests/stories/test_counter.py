"""A shop shows a code at its counter: whoever scans it first pays it, by any client."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import attrs
import pytest
import zxingcpp
from PIL import Image

from appservices.payments.demo.shop import DemoShop
from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.formats.core import emv
from tests.stories.bank import DemoBank, in_bank
from tests.stories.shop import Shop
from tests.support.drawn_codes import beside, drawn, saved
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stories.bank import Bank, Client

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

PRICE: Final = "8.40 EUR"
IMAGE: Final = {"msgtype": "m.image"}
BOB_IBAN: Final = demo_iban(3)


@attrs.define
class Counter:
    """The till of a shop.

    Attributes:
        bank: Where the shop has its account.
        shop: Its own system.
    """

    bank: Bank
    shop: Shop
    _sales: int = 0

    def sell(self, now_ms: int) -> str:
        """Ask to be paid by whoever is next; the id of the invoice."""
        self._sales += 1
        body = {
            "title": f"Bread, sale {self._sales}",
            "lines": [{"text": "Two loaves", "amount": {"minor": 840, "currency": "EUR"}}],
            "due_at_ms": now_ms + 600_000,
        }
        made = self.shop.call("POST", "/invoices", body, f"sale-{self._sales}")
        assert made.status == 201, made
        return str(made.body["id"])

    def scan(self, invoice: str, format_: str) -> str:
        """What the camera of a phone reads off the picture at the till."""
        answer = self.shop.call("GET", f"/invoices/{invoice}/code?format={format_}")
        assert answer.status == 200, answer
        picture = self.shop.picture(f"/invoices/{invoice}/code.png?format={format_}")
        seen = zxingcpp.read_barcode(Image.open(io.BytesIO(picture)))
        assert seen is not None
        assert seen.text == answer.body["payload"]
        return str(seen.text)

    def state(self, invoice: str) -> str:
        """What became of an invoice."""
        return str(self.shop.call("GET", f"/invoices/{invoice}").body["state"])


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    folder = tmp_path_factory.mktemp("counter")
    shop = DemoShop(folder / "shop", "http://localhost")
    (folder / "house").mkdir()
    with DemoBank.running(tmp_path_factory.mktemp("demo-bank")) as demo:
        more = {"organisations": [shop.section], "banks": [demo.section]}
        with in_bank(folder / "house", more) as bank:
            yield Counter(bank, Shop(bank, shop))
            bank.balances_to_nothing()


@pytest.fixture(scope="module")
def alice(counter: Counter) -> Client:
    client = counter.bank.client("alice")
    client.enrol()
    return client


@pytest.fixture(scope="module")
def bob(counter: Counter) -> Client:
    client = counter.bank.client("bob")
    client.enrol()
    return client


@pytest.mark.parametrize(
    ("format_", "before"), [("veche", ""), ("emv", ""), ("epc", "pay "), ("veche", "/pay ")]
)
def test_whoever_scans_first_pays_and_nobody_pays_again(
    counter: Counter, alice: Client, bob: Client, format_: str, before: str
) -> None:
    sale = counter.sell(alice.now_ms())
    code = counter.scan(sale, format_)

    questions = [one.ask(before + code) for one in (alice, bob)]
    for question in questions:
        assert "Lindenau Bakery" in question.body
        assert PRICE in question.body
    assert alice.approve(questions[0], alice.keys[0]).status == 200
    alice.expect("Paid", PRICE)
    wait_until(lambda: counter.state(sale) == "paid", WAIT_S, "the shop does not see it")
    bob.say(code)

    bob.expect("Somebody has paid this invoice already.")
    heard = counter.shop.call("GET", "/events?after=0").body["events"]
    assert [one["type"] for one in heard if one["invoice"] == sale] == ["invoice.paid"]


def test_a_picture_of_the_code_asks_what_the_code_asks(
    counter: Counter, alice: Client, bob: Client
) -> None:
    sale = counter.sell(alice.now_ms())
    code = counter.scan(sale, "emv")
    other = counter.scan(counter.sell(alice.now_ms()), "epc")
    alice.person.send_file(
        alice.room, "IMG_1.jpg", saved(drawn(code), "JPEG"), "image/jpeg", content=IMAGE
    )
    question = alice.expect("Lindenau Bakery", PRICE)
    assert alice.approve(question, alice.keys[0]).status == 200
    alice.expect("Paid", PRICE)
    wait_until(lambda: counter.state(sale) == "paid", WAIT_S, "the shop does not see it")

    for picture, words in (
        (saved(drawn(code)), "Somebody has paid this invoice already."),
        (saved(beside([drawn(code), drawn(other)])), "several payment codes"),
        (b"no picture", "I read codes in pictures of the kinds PNG, JPEG, WebP and GIF"),
    ):
        bob.person.send_file(bob.room, "code.png", picture, "image/png", content=IMAGE)
        bob.expect(words)


def test_a_code_that_was_altered_or_damaged_pays_nothing(counter: Counter, alice: Client) -> None:
    sale = counter.sell(alice.now_ms())
    shown = emv.read(counter.scan(sale, "emv"))
    altered = emv.write(attrs.evolve(shown, amount_minor=1))
    link = counter.scan(sale, "veche")
    damaged = link[:-1] + ("0" if link[-1] != "0" else "1")

    for code, words in (
        (altered, "The amount in this code is not that of the invoice it names"),
        (counter.scan(sale, "emv")[:-1] + "Z", "This code is damaged or was altered"),
        (damaged, "There is no such invoice. The link or code is incomplete, or was altered"),
        ("pay https://example.org/menu", "This is no payment code of a kind that is known here"),
    ):
        alice.say(code)
        alice.expect(words)
    assert counter.state(sale) == "issued"


def test_codes_of_people_and_of_banks_are_asked_as_they_say(alice: Client, bob: Client) -> None:
    wanted = {"amount": "3.20", "currency": "EUR", "reference": "coffee"}
    for amount in ("3.20", ""):
        made = bob.call("POST", "/_veche/wallet/v1/requests", wanted | {"amount": amount})
        assert made.status in {200, 201}, made
        alice.say(made.body["link"])
        if amount:
            question = alice.expect("Do not pay", "3.20 EUR", "coffee")
            assert bob.person.user_id in question.body
        else:
            alice.expect("The code leaves the amount to you.", f"pay {bob.person.user_id} 12.50")
    giro = ["BCD", "002", "1", "SCT", "", "Bob Beispiel", BOB_IBAN, "EUR5.00", "", "", "Rent"]
    alice.say("\n".join(giro))

    question = alice.expect("Do not pay", BOB_IBAN, "5.00 EUR")
    assert "Rent" in question.body
    pix = emv.EmvPayment(name="Padaria", city="RECIFE", country="BR", currency="BRL")
    alice.say(emv.write(pix))
    alice.expect("This institution has no way to pay it", "Padaria")
