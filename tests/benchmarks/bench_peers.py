"""From an approval to both receipts, where payer and payee are at two institutions.

Everything is real: two homeservers, two services, two databases, clients that encrypt; all of it on
one machine. Baseline of the same run: a payment within the first institution.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.receipts import ROUND_S_MIN, ROUNDS, WARM_UP, part
from tests.stories.peers import THERE, two_banks

if TYPE_CHECKING:
    from tests.stories.bank import Client


def run() -> dict[str, float]:
    """In ms: until the payer, and until the payee, has read the receipt."""
    with tempfile.TemporaryDirectory() as folder, two_banks(Path(folder), {}, {}) as (here, there):
        alice, rich, bob = here.client("alice"), here.client("rich"), there.client("bob")
        alice.enrol()
        within, between = _pay(alice, rich, "rich"), _pay(alice, bob, f"@bob:{THERE}")
    return {
        "payer_p50_ms": part(between[0], 0.5),
        "payer_p95_ms": part(between[0], 0.95),
        "payee_p50_ms": part(between[1], 0.5),
        "payee_p95_ms": part(between[1], 0.95),
        "within_payer_baseline_p95_ms": part(within[0], 0.95),
        "within_payee_baseline_p95_ms": part(within[1], 0.95),
        "ratio_payee_p50": part(between[1], 0.5) / part(within[1], 0.5),
    }


def _pay(payer: Client, payee: Client, name: str) -> tuple[list[float], list[float]]:
    """Until the payer has the receipt, and until the payee has, each from the approval."""
    paid, got = [], []
    for n in range(WARM_UP + ROUNDS):
        question = payer.ask(f"pay {name} 1 EUR lunch {n:03}")
        began_s = time.perf_counter()
        assert payer.approve(question, payer.keys[0]).status == 200
        payer.expect("Paid", f"lunch {n:03}")
        paid.append((time.perf_counter() - began_s) * 1000)
        payee.expect("You were paid", f"lunch {n:03}")
        got.append((time.perf_counter() - began_s) * 1000)
        time.sleep(max(0.0, began_s + ROUND_S_MIN - time.perf_counter()))
    return paid[WARM_UP:], got[WARM_UP:]
