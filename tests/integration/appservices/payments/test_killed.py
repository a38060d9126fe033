"""The process is killed again and again, at any moment: each thing ordered is done once.

Real processes at a real database, ledger and bank. The moments follow from a seed, though what the
process was at then does not: ``./run test --long`` takes more seeds, ``VECHE_SEED=N`` one.
"""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import sys
import time
from contextlib import ExitStack, closing
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from appservices.payments.demo_bank.bank import demo_iban
from tests.integration.appservices.payments.branch import (
    BANK,
    SHOP,
    Branch,
    branch,
    token,
)
from tests.integration.appservices.payments.killed import WAIT_MS
from tests.integration.appservices.payments.ledgers import problems
from tests.integration.appservices.payments.scenes import ALICE, BOB
from tests.stories.bank import DemoBank
from tests.support.calls import Answer, request
from tests.support.long import many, seeds
from tests.support.postgres import execute
from tests.support.processes import ROOT, TIMEOUT_S, Child, wait_until
from tests.support.said import opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.postgres

MODULE: Final = "tests.integration.appservices.payments.killed"
LINES: Final = many(ordinary=200, long=500)
TO_BANK: Final = many(ordinary=20, long=40)
"""So many of them go to an account at a bank."""
DEATHS: Final = 4
LIVES_S: Final = (0.0, float(many(ordinary=2, long=4)))
AT_ONCE_S: Final = 120.0
"""Less than a lease of a job: nothing waits for a process that is dead."""
NOT_NOW: Final = (429, 503)
TOO_LATE: Final = "ORG.VECHE.TOO_LATE"
"""What is set aside has to be confirmed within 45 s: on a slow machine nobody lives so long."""
DEPOSIT_MINOR: Final = 77_700
MINOR: Final = 11
"""Of each line: what the bank has no habit for."""


class House:
    """An institution whose process is killed, and started again."""

    def __init__(self, place: Branch, folder: Path, bank: DemoBank, seed: int) -> None:
        self.place = place
        self.bank = bank
        self.chance = Random(seed)  # noqa: S311 -- repeatable
        self.deaths = 0
        self._folder = folder
        self._starts = 0
        self._child: Child | None = None
        self._url = ""

    def begin(self, *, dies: bool) -> None:
        """Have a process serve, which dies after a while."""
        lives_s = self.chance.uniform(*LIVES_S) + 0.001 if dies else 0.0
        self._starts += 1
        log = self._folder / f"child{self._starts}.log"
        bank = json.dumps(self.bank.section)
        command = [sys.executable, "-m", MODULE, self.place.dsn, str(self._folder), bank]
        self._child = child = Child([*command, str(lives_s)], ROOT, log)
        child.start()

        def serves() -> bool:
            found = re.search(r"serving (\S+)", child.log())
            self._url = found[1] if found else ""
            return bool(found) or not child.is_running

        wait_until(serves, TIMEOUT_S, "it does not serve")

    def end(self) -> None:
        """Whatever runs."""
        if self._child is not None:
            self._child.kill()

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> Answer:
        """Ask with the same key until there is an answer, whoever dies meanwhile."""
        headers = {"Idempotency-Key": key} if key else {}
        while True:
            assert self._child is not None
            if not self._child.is_running:
                assert self._child.exit_code == -signal.SIGKILL, self._child.log()
                self.deaths += 1
                self.begin(dies=self.deaths < DEATHS)
                continue  # it may have died before it said where it serves
            try:
                answer = request(
                    method, self._url + path, token=token("first"), body=body, headers=headers
                )
            except OSError:
                time.sleep(0.02)  # it is dead, or about to be found so
                continue
            if answer.status not in NOT_NOW:
                assert answer.status in {200, 201} or answer.errcode == TOO_LATE, answer
                return answer
            time.sleep(0.05)


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        bank = stack.enter_context(DemoBank.running(tmp_path))
        place = stack.enter_context(branch(tmp_path, banks=[bank.section], confirm_wait_ms=WAIT_MS))
        stack.callback(place.database.close)
        made = House(place, tmp_path, bank, request.param)
        stack.callback(made.end)
        yield made


def payout(at_ms: int) -> dict[str, Any]:
    account = {"iban": demo_iban(3), "name": "Bob Beispiel"}
    lines = [
        {"ours": f"{n}", "minor": MINOR, **(account if n < TO_BANK else {"to": BOB})}
        for n in range(LINES)
    ]
    return {
        "v": 1,
        "institution": BANK,
        "organisation": SHOP,
        "ours": "wages",
        "at_ms": at_ms,
        "title": "Wages",
        "currency": "EUR",
        "lines": lines,
    }


def invoice(at_ms: int, **more: Any) -> dict[str, Any]:
    amount = {"minor": 1_000, "currency": "EUR"}
    line = {"text": "Bread", "amount": amount}
    due_at_ms = at_ms + 86_400_000
    return {"addressee": ALICE, "title": "Bread", "lines": [line], "due_at_ms": due_at_ms, **more}


@pytest.mark.parametrize("house", seeds(ordinary=1, long=40), indirect=True)
def test_each_order_is_carried_out_once_however_often_the_process_is_killed(house: House) -> None:
    place = house.place
    house.begin(dies=False)
    place.chat(BOB)
    now_ms = place.now_ms()
    paid = house.ask("POST", "/invoices", invoice(now_ms), "paid").body["id"]
    held = invoice(now_ms, confirm=True)
    held = house.ask("POST", "/invoices", held, "held").body["id"]
    place.pay(paid)
    aside = place.hold(held)
    mandate = place.mandate(SHOP)
    wait_until(lambda: state_of(place, held) == "held", TIMEOUT_S, "nothing is set aside")
    house.end()
    house.deaths = -1

    house.bank.deposit(DEPOSIT_MINOR, "")
    ids = order_all(house, now_ms, paid, mandate, (held, aside))
    house.bank.end_day()
    while house.deaths < DEATHS:
        house.ask("GET", f"/payouts/{ids['payout']}")
    began_s = time.monotonic()
    wait_until(lambda: is_done(place), TIMEOUT_S, "something is left to do")
    assert time.monotonic() - began_s < AT_ONCE_S
    assert order_all(house, now_ms, paid, mandate, (held, aside)) == ids

    look(house, ids)


def order_all(
    house: House, now_ms: int, paid: str, mandate: str, held: tuple[str, str]
) -> Mapping[str, str]:
    """A payout, a refund, a capture and a debit, each by its own key; their ids."""
    order = house.place.signed(payout(now_ms))
    refund = {"amount": {"minor": 300, "currency": "EUR"}, "reason": "stale"}
    charge = {"amount": {"minor": 400, "currency": "EUR"}, "title": "Bread"}
    asked = {
        "capture": (f"/invoices/{held[0]}/confirm", {"payment": held[1]}),
        "payout": ("/payouts", order),
        "refund": (f"/invoices/{paid}/refund", refund),
        "debit": (f"/mandates/{mandate}/charges", charge),
    }
    answers = {what: house.ask("POST", path, body, what) for what, (path, body) in asked.items()}
    return {what: str(one.body.get("id", "")) for what, one in answers.items()}


def state_of(place: Branch, invoice_id: str) -> object:
    statement = "SELECT state FROM payments.payment WHERE invoice_id = %s"
    [(state,)] = execute(place.dsn, statement, invoice_id)
    return state


def is_done(place: Branch) -> bool:
    left = execute(
        place.dsn,
        "SELECT (SELECT count(*) FROM payments.attempt),"
        " (SELECT count(*) FROM payments.payment WHERE state IN ('held', 'paying', 'cooling')),"
        " (SELECT count(*) FROM payments.bank_order WHERE state <> 'booked'),"
        " (SELECT count(*) FROM payments.payout WHERE state <> 'done'),"
        " (SELECT 1 - count(*) FROM payments.bank_line WHERE signed_minor = %s)",
        DEPOSIT_MINOR,
    )
    return left == [(0, 0, 0, 0, 0)]


def look(house: House, ids: Mapping[str, str]) -> None:
    place = house.place
    found = house.ask("GET", f"/payouts/{ids['payout']}").body
    assert (found["state"], found["lines"]) == ("done", {"paid": LINES})
    assert place.balance(BOB) == MINOR * (LINES - TO_BANK)
    captured_minor = 1_000 if ids["capture"] else 0
    assert place.balance(ALICE) == 10_000 - 1_000 - captured_minor + 300 - 400
    assert place.balance(SHOP) == 100_000 - MINOR * LINES + 1_000 + captured_minor - 300 + 400
    assert place.aside() == 0
    assert problems(place.dsn) == []
    with closing(sqlite3.connect(house._folder / "bank.sqlite")) as book:
        orders = book.execute(
            "SELECT order_id, count(*) FROM movement WHERE order_id <> '' GROUP BY order_id"
        ).fetchall()
    assert [count for _, count in orders] == [1] * TO_BANK
    rows = execute(
        place.dsn, "SELECT content FROM runtime.outbox WHERE room_id = %s", f"!{BOB[1:]}"
    )
    said = [opened(one, b"p" * 32) for (one,) in rows]
    receipts = [one["org.veche.receipt"]["payment"] for one in said if "org.veche.receipt" in one]
    assert len(receipts) == len(set(receipts)) == LINES - TO_BANK
    heard = place.heard()
    assert heard.count("payout.paid") == LINES
    for once in ("payout.done", "invoice.refunded", "charge.paid"):
        assert heard.count(once) == 1, (once, heard)
