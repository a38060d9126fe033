"""A shop pays wages by the API while the bank falls over: each once, and the shop hears of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.payments.demo.shop import ID, NETWORKS, DemoShop
from tests.stories.bank import BOT, in_bank
from tests.stories.shop import Shop
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from tests.support.tax_rules import said_against, texts
from veche.server import demo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stories.bank import Bank, Client

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

LINES: Final = 60
ALICES: Final = 2
"""Lines that are Alice's; the others are Bob's, who has no chat with the bank."""


def test_wages_are_paid_once_each_though_the_bank_is_killed_in_the_middle(tmp_path: Path) -> None:
    folder = DemoShop(tmp_path / "shop", "http://localhost")
    more = {
        "organisations": [folder.section],
        "grants": {ID: "1000 EUR"},
        "webhook_networks": list(NETWORKS),
    }
    (tmp_path / "house").mkdir()
    with in_bank(tmp_path / "house", more) as bank:
        shop, alice = Shop(bank, folder), bank.client("alice")
        bob = bank.house.person("bob")
        with shop.listening() as url:
            hook = shop.call("POST", "/webhooks", {"url": url, "after": 0}, "hook")
            assert hook.status == 201, hook
            payout = _order(bank, shop)
            bank.house.kill()
            # As if the time were over for which the killed process had them in its hands.
            bank.rows("UPDATE runtime.errand SET due_at_ms = 0 RETURNING 1")
            bank.rows("UPDATE runtime.webhook SET due_at_ms = 0 RETURNING 1")
            bank.house.start()
            wait_until(lambda: _state(shop, payout) == "done", WAIT_S, "it does not end")
            # One for each line, and one for the whole.
            wait_until(lambda: len(shop.types) == LINES + 1, WAIT_S, "events are missing")

            for _ in range(ALICES):
                alice.expect("You were paid", "Lindenau Bakery", "Wages")
            alice.has(f"{ALICES}.00 EUR")
            [room] = bob.accept_invites()
            bob.wait_for(room, lambda message: message.sender == BOT)
            assert sorted(set(shop.numbers)) == list(range(1, LINES + 2))
            firsts = list(dict.fromkeys(shop.numbers))
            assert firsts == sorted(firsts)
            assert list(shop.types.values()).count("payout.paid") == LINES
            bank.balances_to_nothing()
            paid = bank.rows(
                "SELECT count(*), count(DISTINCT payment_id) FROM payments.payout_line"
            )
            assert paid == [(LINES, LINES)]
            [(moved,)] = bank.rows(
                "SELECT count(*) FROM payments.payment WHERE state = 'paid' AND kind = 'pay'"
            )
            assert moved == LINES


def _order(bank: Bank, shop: Shop) -> str:
    """Order the wages, and wait until some are paid; the payout's id."""
    alice, bob = demo.ALICE.user_id, demo.BOB.user_id
    lines = [
        {"ours": f"{n}", "to": alice if n < ALICES else bob, "minor": 100} for n in range(LINES)
    ]
    [(now_ms,)] = bank.rows("SELECT (extract(epoch FROM now()) * 1000)::bigint")
    body = {
        "v": 1,
        "institution": "lindenau-bank",
        "organisation": ID,
        "ours": "wages",
        "at_ms": now_ms,
        "title": "Wages",
        "currency": "EUR",
        "lines": lines,
    }
    made = shop.call("POST", "/payouts", shop.signed(body), "wages")
    assert made.status == 201, made
    statement = "SELECT count(*) FROM payments.payout_line WHERE state = 'paid'"
    wait_until(lambda: bank.rows(statement) != [(0,)], WAIT_S, "nothing is paid")
    return str(made.body["id"])


def _state(shop: Shop, payout: str) -> str:
    answer = shop.call("GET", f"/payouts/{payout}")
    return str(answer.body["state"]) if answer.status == 200 else f"{answer.status}"


@pytest.mark.long
def test_a_shop_sells_with_taxes_by_mandate_and_by_escrow(tmp_path: Path) -> None:
    folder = DemoShop(tmp_path / "shop", "http://localhost")
    (tmp_path / "house").mkdir()
    with in_bank(tmp_path / "house", {"organisations": [folder.section]}) as bank:
        shop, alice = Shop(bank, folder), bank.client("alice")
        alice.enrol()
        now_ms = alice.now_ms()
        made = shop.call("POST", "/invoices", _taxed(alice, now_ms), "taxed")
        assert made.status == 201, made
        question = alice.expect("Do not pay", "Breakfast")
        assert "Tax in it: 0.85 EUR" in question.body
        assert alice.approve(question, alice.keys[0]).status == 200
        paid = alice.expect("Paid", "Breakfast")
        alice.say(f"receipt {paid.body.rpartition('Number: ')[2].strip()}")
        assert alice.person.download(alice.expect("receipt-", ".pdf").content)[:4] == b"%PDF"
        ubl = alice.person.download(alice.expect("invoice-", ".xml").content)
        assert said_against(ubl) == []
        assert texts(ubl, "PrepaidAmount") == ["7.85"]

        mandate = shop.call("POST", "/mandates", _mandate(alice, now_ms), "mandate").body["id"]
        assert alice.approve(alice.expect("Bread each week"), alice.keys[0]).status == 200
        wait_until(lambda: _is_active(shop, mandate), WAIT_S, "the mandate is not given")
        charge = {"amount": _euro(420), "title": "Bread, week 1"}
        shop.call("POST", f"/mandates/{mandate}/charges", charge, "charge")
        alice.expect("Paid", "Bread, week 1")

        deal = _deal(alice, now_ms)
        escrow = shop.call("POST", "/escrows", deal, "escrow").body["id"]
        assert alice.approve(alice.expect("An oven", "Put it aside"), alice.keys[0]).status == 200
        alice.expect("An oven", "The money is put aside.")
        body = {"to_seller": _euro(4_000)}
        decided = shop.call("POST", f"/escrows/{escrow}/decide", body, "decide")
        assert decided.body["state"] == "funded", decided
        alice.say(f"escrow {escrow[-8:]} release")
        vote = alice.expect("All to Lindenau Bakery", "Not now")
        assert alice.approve(vote, alice.keys[0]).status == 200
        alice.expect("Paid out of what you put aside", "An oven")

        types = [one["type"] for one in shop.call("GET", "/events").body["events"]]
        assert types == [
            "invoice.paid",
            "mandate.active",
            "charge.paid",
            "escrow.agreed",
            "escrow.funded",
            "escrow.voted",
            "escrow.released",
        ]
        bank.balances_to_nothing()


def _euro(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "EUR"}


def _taxed(alice: Client, now_ms: int) -> dict[str, Any]:
    taxes = {"Bread": (428, 700), "Coffee": (357, 1900)}
    lines = [
        {"text": text, "amount": _euro(minor), "tax": {"category": "S", "basis_points": rate}}
        for text, (minor, rate) in taxes.items()
    ]
    due_at_ms = now_ms + 86_400_000
    about = {"addressee": alice.person.user_id, "title": "Breakfast", "due_at_ms": due_at_ms}
    return {**about, "lines": lines}


def _mandate(alice: Client, now_ms: int) -> dict[str, Any]:
    return {
        "payer": alice.person.user_id,
        "purpose": "Bread each week",
        "each_max": _euro(500),
        "period": "week",
        "period_max": _euro(500),
        "ends_at_ms": now_ms + 90 * 86_400_000,
        "notice_ms": 0,
    }


def _deal(alice: Client, now_ms: int) -> dict[str, Any]:
    return {
        "buyer": alice.person.user_id,
        "title": "An oven",
        "amount": _euro(4_000),
        "ends_at_ms": now_ms + 10 * 86_400_000,
    }


def _is_active(shop: Shop, mandate: str) -> bool:
    return bool(shop.call("GET", f"/mandates/{mandate}").body["state"] == "active")
