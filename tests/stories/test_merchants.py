"""A shop pays wages by the API while the bank falls over: each once, and the shop hears of all."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest
from nacl.signing import SigningKey

from tests.stories.bank import BOT, Bank, in_bank
from tests.support.calls import request
from tests.support.people.person import WAIT_S
from tests.support.processes import wait_until
from veche.cli import demo
from veche.cli.demo_shop import ID, NETWORKS, DemoShop
from veche.protocol.envelope import sign, signing_key
from veche.protocol.unpadded import from_unpadded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.calls import Answer

pytestmark = [pytest.mark.synapse, pytest.mark.postgres]

API: Final = "/_veche/payments/v1"
LINES: Final = 60
ALICES: Final = 2
"""Lines that are Alice's; the others are Bob's, who has no chat with the bank."""


class Shop:
    """The shop's own system.

    Attributes:
        numbers: Of the events that were sent to it, as they came.
        types: Of the events, by number.
    """

    def __init__(self, bank: Bank, folder: DemoShop) -> None:
        self._bank = bank
        self._folder = folder.folder
        self.numbers: list[int] = []
        self.types: dict[int, str] = {}

    def call(self, method: str, path: str, body: object = None, key: str = "") -> Answer:
        """A request of the shop."""
        headers = {"Idempotency-Key": key} if key else {}
        url = self._bank.house.pages_url + API + path
        token = (self._folder / "key").read_text().strip()
        return request(method, url, token=token, body=body, headers=headers)

    def signed(self, body: dict[str, Any]) -> dict[str, Any]:
        """An instruction, signed by whoever may pay out."""
        seed = from_unpadded((self._folder / "key.signing").read_text().strip().rstrip("="))
        assert SigningKey(seed)
        return sign(body, ID, signing_key("1", seed))

    @contextmanager
    def listening(self) -> Iterator[str]:
        """The shop's server, as long as it runs; its address."""
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["event"]
                shop.numbers.append(event["n"])
                shop.types[event["n"]] = event["type"]
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/events"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


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
            # As if the minutes were over for which the killed process had it in its hands.
            bank.rows("UPDATE runtime.errand SET due_at_ms = 0 RETURNING 1")
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
