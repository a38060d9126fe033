"""Friends pay a bill together, all or nobody; a shop says what it costs, and whether it has it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.stories.bank import Bank, Client, approve, in_bank
from tests.support.calls import request
from tests.support.keys import approval_of
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from veche.server import demo
from veche.server.demo import secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.calls import Answer
    from tests.support.people import Message

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

API = "/_veche/payments/v1"
WALLET = "/_veche/wallet/v1"
_keys = itertools.count()


@attrs.define
class Shop:
    """A shop's own program, which asks the bank by its key."""

    bank: Bank
    key: str
    seen: int = 0

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A request that is answered."""
        answer = self.ask(method, path, body)
        assert answer.status in {200, 201}, answer.body
        assert isinstance(answer.body, dict)
        return answer.body

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """A request."""
        headers = {"idempotency-key": f"shop{next(_keys)}"} if method == "POST" else {}
        url = self.bank.house.pages_url + API + path
        return request(method, url, token=self.key, body=body, headers=headers)

    def hear(self, type_: str) -> str:
        """Wait for an event; the payment that it is about."""
        return str(self._wait(type_)[0]["payment"])

    def heard(self, type_: str) -> list[str]:
        """Wait for events of a type; the invoices that they are about."""
        return [str(one["invoice"]) for one in self._wait(type_)]

    def _wait(self, type_: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            view = self.call("GET", f"/events?after={self.seen}")
            self.seen = view["cursor"]
            found.extend(one for one in view["events"] if one["type"] == type_)
            return bool(found)

        wait_until(is_there, WAIT_S, f"no event {type_}")
        return found

    def invoice(self, **more: object) -> str:
        """An invoice to Alice of 8.00 EUR."""
        [(now_ms,)] = self.bank.rows("SELECT (extract(epoch FROM now()) * 1000)::bigint")
        assert isinstance(now_ms, int)
        line = {"text": "Cake", "amount": {"minor": 800, "currency": "EUR"}}
        addressee = f"@alice:{demo.SERVER_NAME}"
        body = {"addressee": addressee, "title": "Cake", "lines": [line], **more}
        return str(self.call("POST", "/invoices", {**body, "due_at_ms": now_ms + 86_400_000})["id"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("splits")
    path = secret(folder / "key")
    keys = [{"path": str(path), "scopes": ["invoice", "read"]}]
    other = [{"path": str(secret(folder / "other")), "scopes": ["read"]}]
    organisations = [
        {"id": "bakery", "name": {"en": "Bakery"}, "is_paid_by_name": True, "keys": keys},
        {"id": "courier", "name": {"en": "Courier"}, "keys": other},
    ]
    with in_bank(folder / "house", {"organisations": organisations}) as bank:
        yield Shop(bank, path.read_text().strip())
        bank.balances_to_nothing()


@pytest.fixture(scope="module")
def alice(shop: Shop) -> Client:
    client = shop.bank.client("alice")
    client.enrol()
    return client


def agree(client: Client, question: Message) -> None:
    assert client.approve(question, client.keys[0]).body == {"outcome": "approved"}


def test_friends_share_a_bill_all_of_them_or_nobody(shop: Shop, alice: Client) -> None:
    # Rich has paid the dinner. Bob says no first, and Rich divides it anew.
    rich, bob = shop.bank.client("rich"), shop.bank.client("bob")
    carol = shop.bank.house.person("carol")
    rich.say("split 60 EUR dinner")
    rich.expect("Who pays a share?", "split 60.00 EUR @alice @bob:2 dinner")
    rich.say("split 60 EUR @me @alice @bob @carol=5 dinner")
    rich.expect("Shared bill", "60.00 EUR", "your own share", "carol: 5.00 EUR", "Cancel the bill")
    [_] = carol.accept_invites()
    asked = alice.expect("asks you for your share of a bill", "18.33 EUR", "Share of a bill")
    agree(alice, asked)
    alice.expect("18.33 EUR are set aside for dinner")
    rich.expect("alice has agreed to pay their share of dinner: 1 of 3.")
    bob.choose(bob.expect("asks you for your share", "18.33 EUR"), "decline")
    declined = rich.expect("bob does not pay their share of dinner")
    rich.choose(declined, "divide")
    alice.expect("The bill is over before all agreed.")
    agree(alice, alice.expect("asks you for your share", "27.50 EUR"))
    rich.expect("alice has agreed to pay their share of dinner: 1 of 2.")
    rich.say("splits")
    listed = rich.expect("has agreed", "is asked", "your own share")
    # Carol has no money: nobody pays until Rich takes it back.
    alice.gets_back_to("972.50 EUR")
    rich.choose(listed, "cancel")
    rich.expect("The bill is cancelled; nobody has paid anything: dinner.")
    alice.expect("The bill is over before all agreed.")
    alice.gets_back_to("1,000.00 EUR")

    # With Alice alone it is paid.
    rich.say("split 10 EUR @me @alice taxi")
    agree(alice, alice.expect("asks you for your share", "5.00 EUR", "taxi"))
    alice.expect("Paid", "To: rich", "5.00 EUR", "taxi")
    rich.expect("All shares are paid: 10.00 EUR for taxi.")
    rich.has("1,005.00 EUR")


def test_a_shop_says_what_it_costs_and_whether_it_has_it(shop: Shop, alice: Client) -> None:
    # Where to, what it costs, a tip, the approval, and the shop's yes.
    terms = {
        "quote": "delivery",
        "tips": [{"per_mille": 100}],
        "confirm": True,
        "shares": [{"to": "courier", "minor": 200}],
    }
    invoice = shop.invoice(**terms)
    alice.expect("Where shall it be brought?", "Cake")
    alice.say("deliver Main Street 5, Lindenau")
    alice.expect("I have asked Bakery what it costs in all.")
    payment = shop.hear("invoice.quote")
    quote = shop.call("GET", f"/invoices/{invoice}/quote?payment={payment}")
    assert quote["place"] == "Main Street 5, Lindenau"
    for minor in (250, 300):
        options = [{"id": "bike", "label": "By bicycle", "minor": minor}]
        shop.call("POST", f"/invoices/{invoice}/quote", {"payment": payment, "options": options})
        offered = alice.expect("Bakery has answered.", f"By bicycle: {minor / 100:.2f} EUR")
    alice.choose(offered, "option.2.0")
    alice.choose(alice.expect("Would you like to add a tip to 11.00 EUR?", "10 %"), "tip.1")
    question = alice.expect("Do not pay", "11.80 EUR", "Of it a tip: 0.80 EUR")
    for words in ("Invoice: 8.00 EUR", "You chose: By bicycle: 3.00 EUR", "Where to: Main Street"):
        assert words in question.body
    agree(alice, question)
    alice.expect("11.80 EUR are set aside. Bakery is asked to confirm")
    assert shop.hear("invoice.confirm") == payment
    view = shop.call("POST", f"/invoices/{invoice}/confirm", {"payment": payment})
    assert view["to_pay"] == {"minor": 1_180, "currency": "EUR"}
    alice.expect("Paid", "To: Bakery", "11.80 EUR")
    assert shop.hear("invoice.paid") == payment
    alice.has("983.20 EUR")
    [(passed_on,)] = shop.bank.rows("SELECT sum(amount) FROM ledger.transfer WHERE code = 16")
    assert passed_on == 200

    # Another one is sold out.
    sold_out = shop.invoice(confirm=True)
    agree(alice, alice.expect("Do not pay", "Cake", "8.00 EUR"))
    payment = shop.hear("invoice.confirm")
    body = {"payment": payment, "reason": "Sold out, sorry."}
    assert shop.call("POST", f"/invoices/{sold_out}/refuse", body)["state"] == "issued"
    alice.expect("The merchant does not confirm. Nothing was paid")
    alice.expect("They write: Sold out, sorry.")
    late = shop.ask("POST", f"/invoices/{sold_out}/confirm", {"payment": payment})
    assert (late.status, late.errcode) == (409, "ORG.VECHE.TOO_LATE")
    assert shop.hear("invoice.unconfirmed") == payment
    alice.gets_back_to("983.20 EUR")


def test_a_child_buys_bread_from_an_allowance(shop: Shop, alice: Client) -> None:
    child = shop.bank.client("child")
    child.enrol()
    alice.say("allow @child 10 EUR a week at @bakery")
    question = alice.expect("child may then pay from your account", "Bakery (bakery)")
    approve(alice, question, "give")
    child.expect("alice lets you pay", f"pay bakery 5 EUR lunch from {alice.person.user_id}")

    # It says whose money it is, or chooses when it is asked; the shop hears what it was for.
    approve(child, child.ask("pay bakery 4 EUR bread from @alice"), "pay")
    child.expect("Paid", "To: Bakery", "bread")
    alice.expect("child paid 4.00 EUR to Bakery from your account", "bread", "Left now: 6.00 EUR")
    shop.hear("invoice.paid")
    child.ask("pay @bakery 2,50 roll")
    [asked] = child.call("GET", f"{WALLET}/wallet").body["open"]
    view = child.call("GET", f"{WALLET}/payments/{asked['id']}").body
    [purse] = view["purses"]
    assert purse["label"] == f"From the account of {alice.person.user_id}"
    child.hand_in(child.keys[0].signed(approval_of(purse["asked"], child.now_ms())))
    child.expect("Paid", "roll")
    # The page goes on with the payment from her account.
    instead = child.call("GET", f"{WALLET}/payments/{asked['id']}").body["instead"]
    paid = child.call("GET", f"{WALLET}/payments/{instead}").body
    assert (paid["state"], paid["reference"], paid["is_out"]) == ("paid", "roll", True)
    alice.expect("child paid 2.50 EUR to Bakery", "Left now: 3.50 EUR")
    [invoice] = shop.heard("invoice.paid")
    view = shop.call("GET", f"/invoices/{invoice}")
    assert (view["by_payer"], view["to_pay"]["minor"]) == ("roll", 250)

    child.say("pay bakery 4 EUR cake from @alice")
    child.expect("It is more than is left of this allowance.")
    child.say("pay bakery 4 EUR cake")
    child.expect("Your balance is 0.00 EUR; 4.00 EUR are needed.")
    child.say("pay courier 1 EUR")
    child.expect("Courier is paid by its invoices alone")
    agree(alice, alice.ask("pay bakery 3 EUR cake"))
    alice.expect("Paid", "To: Bakery", "cake")
