"""Make the archive of a town: ``python -m tests.stories.keep_town COMMIT [FILE]``.

Runs `veche up` of the commit, has people do something there, kills it while work waits in each
queue, and keeps its state; see ``tests/support/kept_town.py``.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg2

from appservices.agency import demo as office_demo
from appservices.payments import demo as payments_demo
from appservices.payments.demo.shop import DemoShop
from tests.stories.bank import Bank, Client
from tests.stories.office import Applicant, Desk, Room, Way
from tests.stories.shop import Shop
from tests.support.kept_town import KeptTown, checkout_of
from tests.support.people.person import WAIT_S
from tests.support.processes import ROOT, wait_until
from veche.server import demo

if TYPE_CHECKING:
    from tests.support.people import Person
    from tests.support.services import House

LISTENER: Final = ("127.18.67.6", 31_999)
"""Where the shop listens: an address of this machine that nothing else uses."""
PAID: Final = "pay bob 12.50 EUR rent"


def main(commit: str, archive: Path) -> None:
    """Make the archive of a commit."""
    with tempfile.TemporaryDirectory(prefix="veche-kept-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL does not run as root
        tree = checkout_of(commit, folder / "tree")
        town = KeptTown(folder / "state")
        town.clients.mkdir()
        house = town.house(tree)
        with town.running(house):
            _live(town, house)
        with town.postgres:
            waiting = town.waiting()
            town.facts |= {"waiting": waiting, "ledger": town.ledger()}
        if not all(waiting.values()):
            raise RuntimeError(f"nothing waits in a queue: {waiting}")
        town.keep(archive)
        sys.stdout.write(f"{archive}: {archive.stat().st_size} bytes, {waiting}\n")


def _live(town: KeptTown, house: House) -> None:
    """What went on until the town was killed."""
    with town.person(demo.ALICE) as alice, town.person(demo.CAROL) as carol:
        thread, case = _begin_case(Desk(carol), alice)
        town.facts |= case
        client = Client.sign_in(house, alice, payments_demo.PAYMENTS_BOT)
        town.facts |= _pay(client)
        shop = Shop(Bank(house), DemoShop(town.folder / "shop", house.pages_url))
        url = f"http://{LISTENER[0]}:{LISTENER[1]}/events"
        hook = shop.call("POST", "/webhooks", {"url": url, "after": 0}, "hook")
        assert hook.status == 201, hook
        _sell(client, shop)
        # What is sent to her from now on she reads in the new town.
        alice.stop()
        _leave_work(town, client, thread, shop)


def _begin_case(desk: Desk, alice: Person) -> tuple[Room, dict[str, Any]]:
    applicant = Applicant(alice, Room(alice, alice.create_dm(office_demo.OFFICE_BOT)), Way.TEXT)
    applicant.choose("Which language do you prefer?", "en")
    number, case = applicant.apply()
    thread = desk.case(number)
    return thread, {
        "case": {"number": number, "room": case.room},
        "desk": {"room": desk.room, "thread": thread.thread},
    }


def _pay(client: Client) -> dict[str, Any]:
    client.expect("You were paid", "1,000.00 EUR")
    key = client.enrol()
    assert client.approve(client.ask(PAID), key).body == {"outcome": "approved"}
    receipt = client.expect("Paid", "rent")
    size = "SELECT size FROM ledger.checkpoint WHERE size >= (SELECT max(seq) FROM ledger.block)"
    wait_until(lambda: bool(client.house.query(size)), WAIT_S, "no head was published")
    return {"bank": client.room, "key": key.secret, "receipt": dict(receipt.content)}


def _sell(client: Client, shop: Shop) -> None:
    """Have something bought, of which the shop does not hear: it does not listen."""
    _ask(shop, client.person.user_id, "Bread", client.now_ms())
    assert client.approve(client.expect("Do not pay", "Bread"), client.keys[0]).status == 200
    client.expect("Paid", "Bread")
    failed = "SELECT 1 FROM runtime.webhook WHERE failures > 0"
    wait_until(lambda: bool(client.house.query(failed)), WAIT_S, "the shop was not called")


def _leave_work(town: KeptTown, client: Client, thread: Room, shop: Shop) -> None:
    """Leave something in each queue: the homeserver stands still, then a table, then all ends."""
    [up], now_ms = client.house.replicas, client.now_ms()
    question = thread.expect("Who takes this case?")
    synapse = _process(str(town.folder / "homeserver"))
    os.kill(synapse, signal.SIGSTOP)
    try:
        _ask(shop, demo.ALICE.user_id, "Breakfast", now_ms)
        _ask(shop, demo.CAROL.user_id, "Cake", now_ms)
        wait_until(lambda: town.waiting()["outbox"] > 0, WAIT_S, "nothing is to be sent")
        with closing(psycopg2.connect(town.postgres.dsn("veche"))) as holder:
            holder.cursor().execute("LOCK TABLE runtime.outbox IN SHARE MODE")
            os.kill(synapse, signal.SIGCONT)
            thread.choose(question, "claim")
            wait_until(lambda: town.waiting()["inbox"] > 0, WAIT_S, "nothing was heard")
            up.kill()
            wait_until(lambda: not _processes(str(town.folder)), WAIT_S, "the town goes on")
    finally:
        up.kill()


def _ask(shop: Shop, user: str, title: str, now_ms: int) -> None:
    """Ask somebody for money, who has as much time as may be."""
    line = {"text": title, "amount": {"minor": 250, "currency": "EUR"}}
    due_at_ms = now_ms + 365 * 86_400_000
    body = {"addressee": user, "title": title, "due_at_ms": due_at_ms, "lines": [line]}
    asked = shop.call("POST", "/invoices", body, title)
    assert asked.status == 201, asked


def _processes(said: str) -> list[int]:
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            if said in (one / "cmdline").read_text():
                found.append(int(one.name))
        except OSError:
            continue
    return found


def _process(said: str) -> int:
    [pid] = _processes(said)
    return pid


if __name__ == "__main__":
    _archive = ROOT / "tests" / "data" / f"town-{sys.argv[1]}.tar.xz"
    main(sys.argv[1], Path(sys.argv[2]) if sys.argv[2:] else _archive)
