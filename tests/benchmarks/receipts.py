"""From an invoice to its receipt in an encrypted room, with real clients and a real homeserver.

Baseline of the same run: a message from one client to another in an encrypted room, which is what
Synapse and the clients take without a bank.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from appservices.payments.demo.shop import DemoShop
from tests.stories.bank import in_bank
from tests.support.calls import request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.stories.bank import Bank, Client

ROUNDS: Final = 40
WARM_UP: Final = 5
API: Final = "/_veche/payments/v1"
ROUND_S_MIN: Final = 1.1
"""From one approval to the next: of one person more than sixty a minute are put off."""
_DAY_MS: Final = 86_400_000


def measure() -> dict[str, float]:
    """How long a question and a receipt take, and a message between two clients, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        shop = DemoShop(Path(folder) / "shop", "http://localhost")
        home = Path(folder) / "house"
        home.mkdir()
        with in_bank(home, {"organisations": [shop.section]}) as bank:
            alice = bank.client("alice")
            alice.enrol()
            asked, paid = _invoices(bank, alice, (shop.folder / "key").read_text().strip())
            messages = _messages(bank, alice)
    whole = [one + other for one, other in zip(asked, paid, strict=True)]
    return {
        "question_p95_ms": part(asked, 0.95),
        "receipt_p50_ms": part(paid, 0.5),
        "receipt_p95_ms": part(paid, 0.95),
        "invoice_to_receipt_p95_ms": part(whole, 0.95),
        "client_message_baseline_p95_ms": part(messages, 0.95),
    }


def _invoices(bank: Bank, alice: Client, token: str) -> tuple[list[float], list[float]]:
    """Until Alice is asked, from the request; until she has the receipt, from her approval."""
    url = bank.house.pages_url + API + "/invoices"
    asked, paid = [], []
    for n in range(WARM_UP + ROUNDS):
        title = f"Bread {n:03}"
        amount = {"minor": 100, "currency": "EUR"}
        body = {
            "addressee": alice.person.user_id,
            "title": title,
            "lines": [{"text": "Bread", "amount": amount}],
            "due_at_ms": time.time_ns() // 1_000_000 + _DAY_MS,
        }
        began_s = time.perf_counter()
        made = request(
            "POST", url, token=token, body=body, headers={"Idempotency-Key": f"bread-{n}"}
        )
        assert made.status == 201, made
        question = alice.expect("Do not pay", title)
        asked.append((time.perf_counter() - began_s) * 1000)
        began_s = time.perf_counter()
        assert alice.approve(question, alice.keys[0]).status == 200
        alice.expect("Paid", title)
        paid.append((time.perf_counter() - began_s) * 1000)
        time.sleep(max(0.0, began_s + ROUND_S_MIN - time.perf_counter()))
    return asked[WARM_UP:], paid[WARM_UP:]


def _messages(bank: Bank, alice: Client) -> list[float]:
    bob = bank.house.person("bob")
    room = bob.create_dm(alice.person.user_id, is_join_awaited=False)
    alice.person.accept_invites()
    bob.wait_for_member(room, alice.person.user_id)
    found = []
    for n in range(WARM_UP + ROUNDS):
        words = f"hello {n:03}"
        began_s = time.perf_counter()
        bob.send(room, words)
        alice.person.wait_for(room, words)
        found.append((time.perf_counter() - began_s) * 1000)
    return found[WARM_UP:]


def part(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
