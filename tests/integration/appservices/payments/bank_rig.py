"""The rails of an institution and the demo's bank, which is a process of its own; all real."""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from nacl.signing import SigningKey
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from appservices.payments.banks.core.port import BankMessage, OrderKind, Party, Submitted, Unknown
from appservices.payments.banks.service import (
    Bank,
    Banking,
    BankNews,
    DemoRail,
    Desk,
    OrderRequest,
    filing,
)
from appservices.payments.banks.service import demo as demo_rail
from appservices.payments.banks.service.filing import FETCH, FILE
from appservices.payments.banks.store import banks as store
from appservices.payments.demo_bank.__main__ import CUSTOMER
from appservices.payments.demo_bank.bank import demo_iban
from appservices.payments.holders import store as holders
from appservices.payments.ledger.core import AccountCode
from appservices.payments.ledger.service.attempts import Attempts
from appservices.payments.ledger.service.writer import Writer
from tests.support.postgres import database, execute
from tests.support.processes import ROOT, TIMEOUT_S, Child, free_ports
from tests.support.stored_keys import StoredApprovals
from veche.messaging import jobs
from veche.messaging.jobs import CHANNEL, JobRunner
from veche.protocol.ids import derived_ulid
from veche.runtime.database import Database
from veche.runtime.database.listener import Listener
from veche.runtime.database.migrate import KERNEL_SETS, MigrationSet
from veche.runtime.tasks import Tasks
from veche.runtime.vault import Vault
from veche.runtime.web.http_client import Connections, NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from appservices.payments.ledger.service.attempts import Settle
    from veche.protocol.ids import Ulid
    from veche.runtime.database import Cursor

reactor: Any = default_reactor

WAIT_S_MAX: Final = 120.0
BANK: Final = "demo"
BOB: Final = Party("Bob Beispiel", demo_iban(3))
_POLL_S: Final = 0.05


class Home:
    """What a host lends to the parts of a service."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.reactor = reactor
        self.database = Database(dsn, reactor)
        self.approvals = StoredApprovals()
        self.channels: dict[str, Callable[[str], None]] = {}
        self.ends: list[Callable[[], Awaitable[None]]] = []

    def hear(self, channel: str, fn: Callable[[str], None]) -> None:
        self.channels[channel] = fn

    def at_stop(self, end: Callable[[], Awaitable[None]]) -> None:
        self.ends.append(end)

    def now_ms(self) -> int:
        return int(reactor.seconds() * 1000)


class DemoBank:
    """The bank's process, and a counter to it."""

    def __init__(self, folder: Path, key: bytes) -> None:
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        arguments = ["--folder", str(folder), "--port", str(port), "--day-s", "0"]
        arguments += ["--customer-key", base64.b64encode(key).decode()]
        command = [sys.executable, "-m", "appservices.payments.demo_bank", *arguments]
        self.child = Child(command, ROOT, folder / "bank.log")
        self._connections = Connections(reactor, self.url)

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        answer = await self._connections.request(
            method.encode(),
            path.encode(),
            b"",
            json.dumps(body).encode() if body is not None else b"",
            timeout_s=WAIT_S_MAX,
            answer_bytes_max=1 << 20,
        )
        return answer.status, json.loads(answer.body)

    async def is_up(self) -> bool:
        try:
            return (await self.ask("GET", "/health"))[0] == 200
        except NoAnswerError:
            assert self.child.is_running, self.child.log()
            return False

    async def deposit(self, account: str, amount_minor: int, **words: str) -> None:
        body = {"account": account, "amount_minor": amount_minor, **words}
        status, answer = await self.ask("POST", "/counter/deposit", body)
        assert status == 201, answer

    async def end_day(self) -> None:
        status, answer = await self.ask("POST", "/counter/day-end")
        assert status == 200, answer

    async def close(self) -> None:
        self.child.kill()
        await self._connections.close()


class PickyRail(DemoRail):
    """A rail of a bank that answers nothing of use to some files, as one that answers 500.

    Attributes:
        silent_to: What stands in such files.
    """

    silent_to: bytes = b"nothing at all"

    async def submit(self, message: BankMessage) -> Submitted:
        """Give the bank a file, unless it is one of those."""
        return Unknown() if self.silent_to in message.data else await super().submit(message)


class BankCase(TestCase):
    """One institution and its bank; everything is ended with the test."""

    timeout = TIMEOUT_S

    def setUp(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it
        return Deferred.fromCoroutine(self._set_up())

    async def _set_up(self) -> None:
        self.news: list[BankNews] = []
        self.fault: Exception | None = None
        """What goes wrong the next time that something is told, once."""
        # A bank that was away is asked again soon.
        self.patch(filing, "_RETRY_AFTER_MS", 100)  # type: ignore[no-untyped-call]  # trial's
        self.patch(demo_rail, "_RETRY_AFTER_MS", 100)  # type: ignore[no-untyped-call]  # trial's
        self.key = SigningKey.generate()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.demo = DemoBank(Path(folder.name), bytes(self.key.verify_key))
        self.demo.child.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.demo.close()))
        opened = database(*KERNEL_SETS, MigrationSet("payments", "appservices.payments"))
        self.dsn = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        await self._begin()
        await self.until(self.demo.is_up, "the bank does not answer")

    async def _begin(self) -> None:
        self.home = Home(self.dsn)
        self.connections = Connections(reactor, self.demo.url)
        self.rail = PickyRail(self.connections, self.key)
        own = Party("Demo Institution", CUSTOMER)
        banks = {BANK: Bank(BANK, own, "EUR", self.rail)}
        self.desk = Desk(self.home.database, Vault(b"k" * 32), banks, self._tell)
        self.banking = Banking(self.desk)
        tasks, home = Tasks(running_max=100), cast("Any", self.home)
        self.writer = Writer(self.dsn, reactor)
        attempts = Attempts(home, self.writer, self.settles())
        handlers = self.banking.job_handlers()
        runner = JobRunner(self.home.database, reactor, tasks, handlers)
        listener = Listener(self.dsn, reactor, {**self.home.channels, CHANNEL: runner.wake})
        self.account = await self.run_txn(self._furnish)
        self.writer.start()
        attempts.start()
        runner.start()
        listener.start()
        self.home.ends += [listener.stop, tasks.stop, self.writer.stop]
        self.addCleanup(lambda: Deferred.fromCoroutine(self._end()))

    async def _end(self) -> None:
        for end in self.home.ends:
            await end()
        await self.connections.close()
        self.home.database.close()

    def _furnish(self, txn: Cursor) -> int:
        ledgers = holders.keep_currencies(txn, ["EUR"])
        self.banking.start(txn, self.home.now_ms())
        alice = holders.keep_holder(txn, b"a" * 32, b"", holders.PERSON, 1)
        return holders.keep_account(txn, alice.id, ledgers["EUR"], AccountCode.WALLET).id

    def settles(self) -> Mapping[str, Settle]:
        """What follows from the ledger's answers."""
        return self.banking.settles()

    def _tell(self, txn: Cursor, news: BankNews) -> None:
        del txn
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        self.news.append(news)

    async def run_txn(self, transaction: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.home.database.run("test", transaction, *args, **kwargs)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        deadline = reactor.seconds() + WAIT_S_MAX
        while not await condition():
            assert reactor.seconds() < deadline, f"{what}: {await self.report()}"
            await self.run_txn(self._hasten)
            await deferLater(reactor, _POLL_S, lambda: None)

    def _hasten(self, txn: Cursor) -> None:
        """Let no job wait: neither for more orders nor for the next visit to the bank."""
        now_ms = self.home.now_ms()
        txn.execute("SELECT errand_id FROM runtime.errand WHERE kind IN (%s, %s)", (FETCH, FILE))
        for (job_id,) in txn.fetchall():
            jobs.hasten(txn, job_id, now_ms)

    async def until_state(self, order_id: str, *states: str) -> None:
        async def holds() -> bool:
            return await self.state(order_id) in states

        await self.until(holds, f"the order is not {' or '.join(states)}")

    async def until_quiet(self) -> None:
        """Wait until all that was decided is moved."""

        async def is_quiet() -> bool:
            return not self.rows("SELECT 1 FROM payments.attempt")

        await self.until(is_quiet, "something is still to be moved")

    async def report(self) -> str:
        """What a failed wait wants to know."""
        return repr(
            [
                self.rows("SELECT id, amount, state, code FROM payments.bank_order ORDER BY id"),
                self.rows("SELECT key, signed_minor, state FROM payments.bank_line ORDER BY key"),
                self.rows("SELECT kind, about FROM payments.attempt"),
                self.rows("SELECT kind, attempts FROM runtime.errand"),
                self.rows("SELECT about, problem FROM payments.bank_alarm ORDER BY number"),
                self.demo.child.log()[-2000:],
            ]
        )

    async def alarms(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = await self.run_txn(store.alarms, BANK)
        return found

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return execute(self.dsn, statement, *values)

    async def state(self, order_id: str) -> str:
        found = self.rows("SELECT state FROM payments.bank_order WHERE id = %s", order_id)
        return found[0][0] if found else "dropped"

    def balance(self, code: AccountCode) -> int:
        """Credits less debits of all accounts of a sort, posted; what is held does not count."""
        [(total,)] = self.rows(
            "SELECT coalesce(sum(credits_posted - debits_posted), 0)::bigint FROM ledger.account"
            " WHERE shard = 0 AND code = %s",
            int(code),
        )
        return int(total)

    def held(self) -> int:
        [(total,)] = self.rows(
            "SELECT coalesce(sum(debits_pending), 0)::bigint FROM ledger.account WHERE shard = 0"
        )
        return int(total)

    async def top_up(self, amount_minor: int) -> None:
        """Let Alice have money, which came by a reference."""
        at_ms = self.home.now_ms()
        id_ = derived_ulid(at_ms, "top-up", amount_minor)
        reference = await self.run_txn(self.banking.expect, BANK, self.account, id_, at_ms)
        before = self.balance(AccountCode.WALLET)
        await self.demo.deposit(CUSTOMER, amount_minor, reference=reference, name="Alice Example")

        async def came() -> bool:
            return self.balance(AccountCode.WALLET) == before + amount_minor

        await self.until(came, "the top-up did not come")

    async def pay_out(self, amount_minor: int, number: int = 0) -> Ulid:
        """Let Alice pay Bob's account at the bank."""
        id_ = derived_ulid(self.home.now_ms(), "payout", amount_minor, number)
        wish = OrderRequest(
            id_, BANK, OrderKind.PAYOUT, self.account, BOB, amount_minor, text="rent"
        )
        await self.run_txn(self.banking.order, wish, self.home.now_ms())
        return id_

    async def days(self) -> list[int]:
        """The differences at the ends of days so far."""
        rows = self.rows("SELECT difference_minor FROM payments.bank_day ORDER BY day")
        return [row[0] for row in rows]

    async def end_day(self) -> None:
        """End a banking day and hear of it."""
        before = len(await self.days())
        await self.demo.end_day()

        async def heard() -> bool:
            return len(await self.days()) > before

        await self.until(heard, "the statement was not heard")
