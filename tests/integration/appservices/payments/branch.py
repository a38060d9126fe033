"""An institution whose organisations ask over HTTP, in this process: its ledger, jobs, routes.

Everything is real but the homeserver: of persons it knows who there is. Nobody has a chat.
"""

from __future__ import annotations

import base64
import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import treq
from nacl.signing import SigningKey
from twisted.internet import reactor as default_reactor  # noqa: TID251 -- trial's
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.client import HTTPConnectionPool

from appservices.payments import demo as payments_demo
from appservices.payments.banks.service import BankNews, NewsKind, banking_of
from appservices.payments.bulk.service import bulk
from appservices.payments.bulk.service.bulk import BACK_AGAIN, PAY_LINES
from appservices.payments.bulk.service.lines import GiveBack, PayLines
from appservices.payments.cases import jobs as setting_aside
from appservices.payments.config import PaymentsSection
from appservices.payments.conversation import store as chats
from appservices.payments.conversation.service.conversation import Conversation, Parts
from appservices.payments.demo_bank.__main__ import CUSTOMER
from appservices.payments.holders import store as holders
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.jobs import handlers as every_handler
from appservices.payments.ledger.service.attempts import Attempts
from appservices.payments.ledger.service.writer import Writer
from appservices.payments.mandates import store as mandate_store
from appservices.payments.mandates.core.mandate import MandateState, Terms
from appservices.payments.mandates.store import Mandate
from appservices.payments.organisations.service.callers import organisation_keys
from appservices.payments.organisations.service.feed import PaymentFeed, rules_of
from appservices.payments.organisations.service.news import EVENT, EventJob
from appservices.payments.paying.service import held, paying, settling
from appservices.payments.postings.service import grants, moving
from appservices.payments.proofs.service.receipts import Receipts
from appservices.payments.routes import API, routes
from appservices.payments.topups.service import news as bank_news
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.clocks import CLOCK
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.texts.views import Party
from tests.integration.appservices.payments.scenes import ALICE, BOB, bank
from tests.integration.veche.rig import until
from tests.support.postgres import execute, session
from tests.support.processes import TIMEOUT_S
from tests.support.stored_keys import StoredApprovals
from tests.unit.veche.api.test_gate import FREE, FakeSessions
from veche.acts import ActLog
from veche.api.gate import Gate
from veche.messaging.jobs import CHANNEL as JOBS
from veche.messaging.jobs import JobRunner
from veche.messaging.service import BotAccount
from veche.messaging.webhooks import Webhooks
from veche.protocol.canonical import canonical
from veche.protocol.ids import RoomId, Ulid, UserId, derived_ulid
from veche.runtime import live as live_module
from veche.runtime.crypto.tracking import pin_encrypted
from veche.runtime.database import Database
from veche.runtime.database.listener import Listener
from veche.runtime.database.presence import Presence
from veche.runtime.live import Live
from veche.runtime.matrix.client import MatrixError
from veche.runtime.matrix.store import expect_member
from veche.runtime.tasks import Tasks
from veche.runtime.vault import Vault
from veche.runtime.web import new_site
from veche.runtime.web.http_client import NoAnswerError
from veche.transparency.envelope import sign, signing_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.service.attempts import Attempt
    from appservices.payments.ledger.service.work import Outcome
    from veche.api.ports import PagePorts
    from veche.bots.ports import BotPorts
    from veche.messaging.jobs import JobHandler
    from veche.runtime.database import Cursor
    from veche.runtime.web.public import PageLinks

reactor: Any = default_reactor

SHOP: Final = "bakery"
OFFICE: Final = "town"
BANK: Final = "lindenau-bank"
KEYS: Final = {"first": bytes([1] * 32), "second": bytes([2] * 32), "office": bytes([3] * 32)}
"""Seeds of the keys that sign."""
SCOPES: Final = ["invoice", "refund", "mandate", "escrow", "payout", "webhook", "read"]


class People:
    """The homeserver, as far as one asks it who somebody is."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {ALICE: "Alice", BOB: "Bob"}
        self.asked: list[str] = []
        self.is_down = False

    async def call(self, _method: str, where: str, **_more: Any) -> Mapping[str, Any]:
        if self.is_down:
            raise NoAnswerError("down", retry_after_ms=1)
        person = where.rpartition("/")[2].replace("%40", "@").replace("%3A", ":")
        self.asked.append(person)
        if person not in self.names:
            raise MatrixError(404, {"errcode": "M_NOT_FOUND", "error": "nobody"})
        return {"displayname": self.names[person]}


class Branch:
    """An institution.

    Attributes:
        dsn: Of its database.
        section: Its configuration.
        people: Whom the homeserver knows.
        parts: Of its transactions.
        rings: Whether clocks of payments ring by themselves.
    """

    def __init__(self, dsn: str, folder: Path, **more: Any) -> None:
        self.dsn = dsn
        self.reactor = reactor
        self.people = self.client = People()
        self.channels: dict[str, Callable[[str], None]] = {}
        self.ends: list[Callable[[], Awaitable[None]]] = []
        self.database = Database(dsn, reactor, threads=4)
        self.act_log = ActLog(b"p" * 32)
        self.live = Live(reactor)
        self.sessions = FakeSessions()
        self.gate = Gate(
            self.database, reactor, self.sessions, address_limit=FREE, trust_forwarded=True
        )
        self.section = PaymentsSection.model_validate(_section(folder) | more)
        receipts, vault = Receipts("veche.test", b"r" * 32), Vault(b"k" * 32)
        bot = BotAccount(UserId("@veche_payments:veche.test"), "Bank", BANK)
        host = cast("BotPorts", self)
        self.links: PageLinks | None = None
        self.bridges: frozenset[UserId] = frozenset()
        self.approvals = StoredApprovals()
        banking = banking_of(self.database, reactor, self.section, vault, self._hear_of_bank)
        self.parts = Parts(host, self.section, bot, vault, receipts, banking)
        self.callers = organisation_keys(self.section.organisations, "en")
        feed = PaymentFeed(vault)
        self.webhooks = Webhooks(host, feed, receipts.signer, rules_of(self.section))
        self._tasks = Tasks(running_max=50)
        self.rings = False
        self._has_bank = "banks" in more
        self._pool: Any = None
        self._port: Any = None

    # What the parts need of a host.

    def now_ms(self) -> int:
        return int(reactor.seconds() * 1000)

    def hear(self, channel: str, heard: Callable[[str], None]) -> None:
        self.channels[channel] = heard

    def at_stop(self, end: Callable[[], Awaitable[None]]) -> None:
        self.ends.append(end)

    # The life of it.

    async def start(self) -> None:
        handlers: dict[str, JobHandler] = {
            PAY_LINES: PayLines(self.parts),
            BACK_AGAIN: GiveBack(self.parts),
            EVENT: EventJob(self.parts),
        }
        if self.rings:
            handlers[CLOCK] = every_handler(self.parts)[CLOCK]
        if self._has_bank:
            handlers |= self.parts.banking.job_handlers()
        presence = Presence()
        jobs = JobRunner(self.database, reactor, self._tasks, handlers, presence)
        writer = Writer(self.dsn, reactor, expired=held.expired)
        banking = self.parts.banking.settles()
        settles = {
            moving.KIND: self._settle,
            **bulk.settles(self.parts),
            **setting_aside.settles(self.parts),
            **held.settles(self.parts),
            **banking,
        }
        host = cast("BotPorts", self)
        attempts = Attempts(host, writer, settles)
        self.channels |= {JOBS: jobs.wake, live_module.CHANNEL: self.live.heard}
        listener = Listener(self.dsn, reactor, self.channels, presence.show)
        listener.start()
        jobs.start()
        writer.start()
        attempts.start()
        self.webhooks.start()
        self.ends += [writer.stop, listener.stop, self._tasks.stop]
        resource = routes(cast("PagePorts", self), self)[API.mount]
        site: Any = new_site(resource, reactor)
        self._port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self._pool = HTTPConnectionPool(reactor)
        await self.database.run("start", self._grant)
        await self.settled()  # each account has its money before a test looks at it

    async def stop(self) -> None:
        self.live.close()
        for end in self.ends:
            await end()
        self.ends.clear()
        if self._port is not None:
            await self._pool.closeCachedConnections()
            await self._port.stopListening()
        self.database.close()

    def _hear_of_bank(self, txn: Cursor, news: BankNews) -> None:
        bank_news.hear(self.parts, txn, news)

    def _grant(self, txn: Cursor) -> None:
        self.parts.banking.start(txn, self.now_ms())
        grants.issue(self.parts.conversation(txn, "start", self.now_ms()))

    def _settle(self, txn: Cursor, attempt: Attempt, outcome: Outcome) -> None:
        scene = self.parts.conversation(txn, f"attempt {attempt.about}", outcome.at_ms)
        settling.settle(scene, attempt.about, outcome)

    # What tests ask.

    @contextmanager
    def scene(self) -> Iterator[Conversation]:
        """A transaction, committed at the end."""
        with session(self.dsn) as connection, connection, connection.cursor() as txn:
            yield self.parts.conversation(txn, f"test {self.now_ms()}", self.now_ms())

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self._port.getHost().port}"

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        who: str = "first",
        key: str | None = None,
    ) -> tuple[int, Any]:
        """Status and answer of a request by a key of an organisation."""
        headers: dict[bytes | str, bytes | str] = {
            "Authorization": f"Bearer {token(who)}",
            "Content-Type": "application/json",
        }
        if key is not None:
            headers["Idempotency-Key"] = key
        url = self.url + path
        data = body if isinstance(body, bytes | None) else canonical(body, where="body")
        answer = await treq.request(
            method, url, headers=headers, data=data, pool=self._pool, reactor=reactor
        )
        text = await answer.content()
        return answer.code, json.loads(text) if text else None

    async def file(self, path: str, who: str = "first") -> bytes:
        """A file that an organisation asks for by its key."""
        headers: dict[bytes | str, bytes | str] = {"Authorization": f"Bearer {token(who)}"}
        answer = await treq.get(self.url + path, headers=headers, pool=self._pool, reactor=reactor)
        content: bytes = await answer.content()
        assert answer.code == 200, content
        return content

    def pay(self, invoice_id: str) -> str:
        """Have Alice pay an invoice, as if she had approved it; the payment's id."""
        with self.scene() as scene:
            matter = self._asked(scene, invoice_id, State.PAYING)
            assert invoices.begin_paying(scene, matter.payment) is None
            moving.attempt(scene, matter.payment)
        return matter.payment.id

    def hold(self, invoice_id: str) -> str:
        """Have Alice set aside what an invoice asks for that has to be confirmed; the payment."""
        with self.scene() as scene:
            matter = self._asked(scene, invoice_id, State.ASKED)
            paying._go_on(scene, matter, scene.now_ms)
        return matter.payment.id

    @staticmethod
    def _asked(scene: Conversation, invoice_id: str, state: State) -> OpenPayment:
        """A payment of Alice for an invoice, which she has approved."""
        file = invoice_store.lock_invoice(scene.txn, invoice_id)
        assert file is not None
        invoice, id_ = file.invoice, scene.sender.fresh_ulid("payment")
        payment = Payment(
            id=id_,
            kind=Kind.INVOICE,
            state=state,
            payer=scene.holder(ALICE).id,
            payee=invoice.payee,
            ledger=invoice.ledger,
            amount_minor=invoice.amount_minor,
            fee_minor=0,
            asked_at_ms=scene.now_ms,
            approved_by=f"nonce {id_}",
            invoice=(invoice.id, invoice.version),
        )
        private = Private(Party(ALICE, "Alice"), Party(SHOP, "Bakery"), "EUR", "Bread")
        matter = files.add(scene, payment, private)
        assert matter is not None
        return matter

    def chat(self, person: str) -> None:
        """Give somebody a chat with the bot, in which they are told things."""
        room_id, bot = RoomId(f"!{person[1:]}"), self.parts.bot.user_id
        with self.scene() as scene:
            scene.txn.execute("INSERT INTO runtime.room (room_id) VALUES (%s)", (room_id,))
            pin_encrypted(scene.txn, room_id, {"algorithm": "m.megolm.v1.aes-sha2"})
            for one in (bot, UserId(person)):
                expect_member(scene.txn, room_id, one, "join")
            chats.CHATS.keep(scene.txn, room_id, UserId(person), scene.now_ms)
            chats.set_greeted(scene.txn, room_id)

    def mandate(self, payee: str) -> str:
        """A mandate that Alice gave to an organisation; its id."""
        with self.scene() as scene:
            id_ = derived_ulid(1, "mandate", payee)
            limit = {"minor": 500, "currency": "EUR"}
            order = {
                "id": id_,
                "payee": payee,
                "payee_name": payee,
                "payer": ALICE,
                "purpose": "Water",
                "each_max": limit,
                "period": "month",
                "period_max": limit,
                "starts_at_ms": 1,
                "ends_at_ms": 2 + scene.now_ms,
            }
            ends_at_ms = scene.now_ms + 86_400_000
            mandate = Mandate(
                id=id_,
                payer=scene.holder(ALICE).id,
                payee=scene.organisation(payee).id,
                ledger=1,
                state=MandateState.ACTIVE,
                count=0,
                sealed=scene.vault.seal({**order, "ends_at_ms": 100}),
                approved_by=f"nonce {id_}",
                terms=Terms(500, "month", 500, 1, ends_at_ms, notice_ms=0),
            )
            assert mandate_store.add_mandate(scene.txn, mandate, scene.now_ms)
        return id_

    def credit(self, invoice_id: str, minor: int) -> None:
        """Let the bank tell of money that came by the reference of an invoice."""
        with self.scene() as scene:
            account = holders.keep_account(scene.txn, scene.organisation(SHOP).id, 1, 2)
            about, at_ms = Ulid(invoice_id), scene.now_ms
            line = f"line {at_ms}"
            news = BankNews(NewsKind.CREDITED, about, account.id, minor, at_ms, line=line)
            self._hear_of_bank(scene.txn, news)

    async def settled(self) -> None:
        """Wait until nothing is left to do."""
        await until(self._is_settled, "something is left to do")

    def _is_settled(self) -> bool:
        left = (
            "SELECT (SELECT count(*) FROM payments.attempt) + (SELECT count(*) FROM runtime.errand"
            " WHERE kind IN (%s, %s, %s))"
        )
        return execute(self.dsn, left, PAY_LINES, BACK_AGAIN, EVENT) == [(0,)]

    def balance(self, name: str) -> int:
        """What somebody can pay with, in cents."""
        with self.scene() as scene:
            holder = scene.holder(UserId(name)) if name[0] == "@" else scene.organisation(name)
            sums = (
                "SELECT coalesce(sum(l.credits_posted - l.debits_posted - l.debits_pending), 0)"
                " FROM payments.account AS a JOIN ledger.account AS l ON l.id = a.id"
                " WHERE a.holder = %s AND a.code IN (1, 2)"
            )
            scene.txn.execute(sums, (holder.id,))
            [(minor,)] = scene.txn.fetchall()
        return int(minor)

    def aside(self) -> int:
        """What is set aside for payouts, of everybody."""
        sums = (
            "SELECT coalesce(sum(credits_posted - debits_posted), 0)::bigint FROM ledger.account"
            " WHERE code = 7"
        )
        [(minor,)] = execute(self.dsn, sums)
        return int(str(minor))

    def heard(self, organisation: str = SHOP) -> list[str]:
        """The types of the events of an organisation, in order."""
        with self.scene() as scene:
            holder = scene.organisation(organisation).id
        found = execute(
            self.dsn, "SELECT type FROM payments.event WHERE holder = %s ORDER BY n", holder
        )
        return [str(type_) for (type_,) in found]

    def signed(self, body: Mapping[str, Any], who: str = "first") -> dict[str, Any]:
        """An envelope of an organisation."""
        return sign(body, str(body["organisation"]), signing_key("1", KEYS[who]))


class BranchTestCase(TestCase):
    """A test case with an institution that is started."""

    timeout = TIMEOUT_S
    bank: Branch

    def more(self) -> Mapping[str, Any]:
        """What is configured besides."""
        return {}

    def setUp(self) -> Deferred[None]:  # type: ignore[override]  # trial waits for it
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        holder = branch(Path(folder.name), **self.more())
        self.bank = holder.__enter__()
        self.addCleanup(holder.__exit__, None, None, None)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.bank.stop()))
        return Deferred.fromCoroutine(self.bank.start())


@contextmanager
def branch(folder: Path, **more: Any) -> Iterator[Branch]:
    """An institution in a database of its own; the test starts and stops it."""
    with bank() as dsn:
        yield Branch(dsn, folder, **more)


def token(who: str) -> str:
    """The key of an organisation by which it asks."""
    return f"{who}-".ljust(40, "k")


def _section(folder: Path) -> dict[str, Any]:
    for who in KEYS:
        path = folder / who
        path.write_text(token(who))
        path.chmod(0o600)
    shop = {
        "id": SHOP,
        "name": {"en": "Bakery"},
        "city": "Lindenau",
        "country": "DE",
        "is_paid_by_name": True,
        "tax": {"vat_id": "DE123456789", "town": "Lindenau"},
        "two_keys_above": {"EUR": "100"},
        "keys": [_key(folder, "first"), _key(folder, "second")],
    }
    office = {
        "id": OFFICE,
        "name": {"en": "Town"},
        "kind": "office",
        "country": "DE",
        "keys": [_key(folder, "office")],
    }
    bank_key = folder / "bank"
    bank_key.write_text(base64.b64encode(bytes(32)).decode())
    bank_key.chmod(0o600)
    bank_ = {
        "name": "demo",
        "url": "http://127.0.0.1:1",
        "account": CUSTOMER,
        "key_path": str(bank_key),
    }
    grants_ = {ALICE: "100 EUR", SHOP: "1000 EUR", OFFICE: "1000 EUR"}
    section = {**payments_demo.payments_section(), "id": BANK, "organisations": [shop, office]}
    networks = ["127.0.0.0/8"]
    return {**section, "banks": [bank_], "grants": grants_, "webhook_networks": networks}


def _key(folder: Path, who: str) -> dict[str, Any]:
    public = base64.b64encode(bytes(SigningKey(KEYS[who]).verify_key)).decode()
    return {"path": str(folder / who), "scopes": SCOPES, "public_key": public}
