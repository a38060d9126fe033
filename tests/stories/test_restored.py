"""A backup is restored after payments: nothing runs until all that differs is found and settled."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg2
import pytest
import yaml
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.interbank.service.comparing import CHECK
from tests.stories.bank import Bank, Client, DemoBank
from tests.stories.peers import HERE, THERE, two_banks
from tests.support.postgres import session
from tests.support.processes import ROOT, TIMEOUT_S, Child, wait_until
from veche.messaging import jobs
from veche.runtime.database.embedded import binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.synapse, pytest.mark.postgres, pytest.mark.timeout(900)]


@pytest.fixture
def demo_bank(tmp_path: Path) -> Iterator[DemoBank]:
    """The bank of the first institution."""
    (tmp_path / "bank").mkdir()
    with DemoBank.running(tmp_path / "bank") as running:
        yield running


@pytest.fixture
def banks(demo_bank: DemoBank, tmp_path: Path) -> Iterator[tuple[Bank, Bank]]:
    """Two institutions that have an agreement with one another; the first has a bank."""
    with two_banks(tmp_path, {"banks": [demo_bank.section]}, {}) as both:
        yield both


@pytest.mark.long
def test_a_restored_ledger_settles_all_that_others_know(
    banks: tuple[Bank, Bank], demo_bank: DemoBank, tmp_path: Path
) -> None:
    here, there = banks
    alice, bob = here.client("alice"), there.client("bob")
    for client in (alice, bob):
        client.enrol()
    _pay(alice, f"pay @bob:{THERE} 12.50 EUR before", "987.50 EUR")
    wait_until(partial(_is_done, here), TIMEOUT_S, "it is not done")
    _is_published(here)
    backup = tmp_path / "backup"
    _program("pg_dump", "-Fc", "-f", str(backup), here.house.dsn)

    _pay_what_the_backup_lacks(banks, alice, bob)
    [(signed,)] = here.rows("SELECT max(size) FROM ledger.checkpoint")
    wait_until(_in_room(here, f"/0\n{signed}\n"), TIMEOUT_S, "the head is not in the room")
    here.house.stop()
    _restore(here.house.dsn, backup)

    _is_refused(here, f"has signed {signed}")
    _is_found_and_settled(here, f"has signed {signed}: the database is an older one")
    # The other institution is given the new key, beside the one of what was signed before.
    key = _veche(here, "ledger", "key")[1].strip()
    there.house.stop()
    _give_key(there, key)
    there.house.start()
    here.house.start()

    wait_until(partial(_is_done, here), TIMEOUT_S, "it is not done")
    for bank in banks:
        wait_until(partial(_agree, bank), 2 * TIMEOUT_S, "the books differ")
    alice.has("957.50 EUR")
    _approves_again(here, alice)
    demo_bank.end_day()
    wait_until(partial(_is_even, here), TIMEOUT_S, "ledger and bank differ")
    alice.has("927.50 EUR")
    bob.has("1,042.50 EUR")
    for bank in banks:
        bank.balances_to_nothing()
        assert bank.veche("ledger", "check") == 0
    _goes_on(here, alice, bob)


def _approves_again(bank: Bank, alice: Client) -> None:
    """The payout is in the bank's statement: whose it was pays it by a key, and nobody else."""
    code, said = _veche(bank, "ledger", "suspense")
    assert code == 1
    line, *words = said.split()
    assert "-30.00" in words
    command = ("ledger", "suspense", line, "--payer", f"@alice:{HERE}", "--why", "she says so")
    code, said = _veche(bank, *command)
    assert code == 0, said
    question = alice.expect("Do not pay", "approve it again", "30.00 EUR", "Bob Beispiel")
    assert ": -30.00 EUR" in _veche(bank, "ledger", "reconcile")[1]
    assert alice.approve(question, alice.keys[0]).status == 200
    alice.expect("Paid out", "30.00 EUR")
    assert _veche(bank, "ledger", "suspense")[0] == 0


def _is_even(bank: Bank) -> bool:
    """Whether ledger and bank are the same to the cent, at the end of a day."""
    code, said = _veche(bank, "ledger", "reconcile")
    return code == 0 and "unexplained     0.00 EUR" in said


def _pay_what_the_backup_lacks(banks: tuple[Bank, Bank], alice: Client, bob: Client) -> None:
    """To the other institution, from it, and by the bank; all of it is in signed heads."""
    here, there = banks
    _pay(alice, f"pay @bob:{THERE} 50 EUR after", "937.50 EUR")
    bob.expect("You were paid", "50.00 EUR", "after")
    question = bob.ask(f"pay @alice:{HERE} 20 EUR after, too")
    assert bob.approve(question, bob.keys[0]).status == 200
    alice.expect("You were paid", "20.00 EUR", "after, too")
    question = alice.ask(f"payout 30 EUR to {demo_iban(3)} Bob Beispiel")
    assert alice.approve(question, alice.keys[0]).status == 200
    alice.expect("Paid out", "30.00 EUR")
    for bank in (here, there):
        wait_until(partial(_is_done, bank), TIMEOUT_S, "it is not done")
    _is_published(here)


def _in_room(bank: Bank, words: str) -> Callable[[], bool]:
    """Whether anybody who is in the room of the ledger's heads has read these words."""
    server, client = bank.house.server, "/_matrix/client/v3"
    token = server.login(server.register("reader"))
    room = quote(f"#veche_ledger:{HERE}")
    joined = server.call("POST", f"{client}/join/{room}", token=token, body={})
    messages = f"{client}/rooms/{quote(joined.body['room_id'])}/messages"

    def has() -> bool:
        query = {"dir": "b", "limit": "50"}
        copy = server.call("GET", messages, token=token, query=query).body
        return any(words in str(one["content"].get("body")) for one in copy["chunk"])

    return has


def _is_refused(bank: Bank, words: str) -> None:
    """It does not start, signs nothing, and whoever tries is told why and what to do."""
    heads = "SELECT max(size) FROM ledger.checkpoint"
    before, folder = bank.rows(heads), _configuration(bank).parent / "heads"
    assert words in _refusal(bank)
    # Without the files the public room still knows it.
    away = folder.rename(folder.with_name("away"))
    assert f"the room #veche_ledger:{HERE} has a head of" in _refusal(bank)
    shutil.rmtree(folder)
    away.rename(folder)
    assert bank.rows(heads) == before
    assert bank.rows("SELECT count(*) FROM ledger.block WHERE epoch > 1") == [(0,)]


def _refusal(bank: Bank) -> str:
    """What a process says that is not to start."""
    service = bank.house.replicas[0]
    before = len(service.log())
    bank.house.launch()
    wait_until(lambda: not service.is_running, TIMEOUT_S, "it runs")
    assert service.exit_code == 1
    said = service.log()[before:]
    assert "veche db restored" in said
    return said


def _is_found_and_settled(bank: Bank, words: str) -> None:
    """Every difference is shown, and nothing that is none; then it is settled."""
    code, said = _veche(bank, "db", "restored")
    assert code == 1, said
    for one in (
        words,
        f"@alice:{HERE} paid @bob:{THERE} 50.00 EUR",
        f"@bob:{THERE} paid @alice:{HERE} 20.00 EUR",
        "the bank demo paid 30.00 EUR to Bob Beispiel",
    ):
        assert one in said
    assert "12.50 EUR" not in said
    code, said = _veche(bank, "db", "restored", "--go-on")
    assert code == 0, said
    assert "  4. look at veche ledger check" in said
    assert _veche(bank, "crypto", "new-device", "--all")[0] == 0


def _goes_on(bank: Bank, alice: Client, bob: Client) -> None:
    """Payments go on, and no head of the old name was signed again."""
    _pay(alice, f"pay @bob:{THERE} 1 EUR again", "926.50 EUR")
    bob.expect("You were paid", "1.00 EUR", "again")
    _is_published(bank)
    notes = bank.rows("SELECT note FROM ledger.checkpoint ORDER BY size")
    names = [str(note).partition("\n")[0] for (note,) in notes]
    assert names == sorted(names)
    assert names[-1] == f"{HERE}/veche/ledger/v2/0"


def _pay(client: Client, order: str, left: str) -> None:
    question = client.ask(order)
    assert client.approve(question, client.keys[0]).status == 200
    client.expect("Paid", order.partition(" EUR ")[2])
    client.has(left)


def _is_published(bank: Bank) -> None:
    """All blocks are in a signed head."""
    sizes = "SELECT (SELECT max(seq) FROM ledger.block) = (SELECT max(size) FROM ledger.checkpoint)"
    wait_until(lambda: bank.rows(sizes) == [(True,)], TIMEOUT_S, "it is not published")


def _is_done(bank: Bank) -> bool:
    return bank.peer_states() == {"done"}


def _agree(bank: Bank) -> bool:
    _hasten_comparing(bank)
    said = _veche(bank, "ledger", "peers")[1]
    return "the books agree" in said and "DIFFER" not in said


def _hasten_comparing(bank: Bank) -> None:
    """Let the books be compared again now, and not a minute after they differed."""
    with session(bank.house.dsn) as connection, connection, connection.cursor() as txn:
        txn.execute(
            "SELECT errand_id, (extract(epoch FROM now()) * 1000)::bigint FROM runtime.errand"
            " WHERE kind = %s",
            (CHECK,),
        )
        for job_id, at_ms in txn.fetchall():
            jobs.hasten(txn, job_id, at_ms)


def _veche(bank: Bank, *command: str) -> tuple[int, str]:
    """Run a command in a process of its own; its code, and what it wrote."""
    line = [sys.executable, "-m", "veche.cli.main", *command, "-c", str(_configuration(bank))]
    with tempfile.TemporaryDirectory() as folder:
        child = Child(line, ROOT, Path(folder) / "said")
        child.start()
        wait_until(lambda: not child.is_running, TIMEOUT_S, f"veche {' '.join(command)} goes on")
        code = child.stop()
        assert code is not None
        return code, child.log()


def _configuration(bank: Bank) -> Path:
    command = list(bank.house.replicas[0].command)
    return Path(command[command.index("-c") + 1])


def _give_key(bank: Bank, key: str) -> None:
    path = _configuration(bank)
    whole = yaml.safe_load(path.read_text())
    [peer] = whole["payments"]["peers"]
    peer["keys"].insert(0, key)
    path.write_text(yaml.safe_dump(whole, allow_unicode=True))


def _restore(dsn: str, backup: Path) -> None:
    """As the guide says: a new database of the same name, and the dump in it."""
    name = sql.Identifier(parse_dsn(dsn)["dbname"])
    connection = psycopg2.connect(make_dsn(dsn, dbname="postgres"))
    connection.autocommit = True
    with connection.cursor() as txn:
        txn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        txn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    connection.close()
    _program("pg_restore", "-d", dsn, str(backup))


def _program(name: str, *arguments: str) -> None:
    subprocess.run([str(binaries() / name), *arguments], check=True, timeout=TIMEOUT_S)
