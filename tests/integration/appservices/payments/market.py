"""A small market on a real database: persons with money, organisations, and the ledger's writer."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from appservices.payments import demo as payments_demo
from appservices.payments.bills.service import asking as billing
from appservices.payments.bills.service import bills
from appservices.payments.bills.service.bills import BillPrivate
from appservices.payments.config import PaymentsSection
from appservices.payments.conversation.service.conversation import Conversation, Parts
from appservices.payments.holders import store as holders
from appservices.payments.invoices.core.order import InvoiceOrder
from appservices.payments.invoices.store import invoices
from appservices.payments.merchants.service import invoicing
from appservices.payments.paying.service import paying
from appservices.payments.postings.service import grants, moving
from appservices.payments.proofs.service.receipts import Receipts
from appservices.payments.questions.service import extras
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.texts.views import Party
from tests.integration.appservices.payments.ledgers import PAYMENTS, problems
from tests.integration.appservices.payments.scenes import KEYS, nonce
from tests.integration.appservices.payments.scribe import Scribe
from tests.support.postgres import database
from veche.api.bearer import OrganisationCaller
from veche.messaging.service import BotAccount
from veche.protocol.ids import RoomId, UserId, derived_ulid
from veche.runtime.database import connect
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appservices.payments.bills.core.bill import Sharer
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.runtime.database import Connection

NOW_MS: Final = 1_764_000_000_000
SHOP: Final = OrganisationCaller("shop", "Shop", frozenset({"invoice", "read", "refund"}))
BEGINS_MINOR: Final = 10_000
_APART_MS: Final = 10**9
_numbers = itertools.count(1)
_BOT: Final = BotAccount(UserId("@veche_payments:veche.test"), "Bank", "bank")


def _parts() -> Parts:
    section = PaymentsSection.model_validate({**payments_demo.payments_section(), "grants": {}})
    host = SimpleNamespace(act_log=None, approvals=KEYS, links=None, bridges=frozenset())
    none = cast("Any", None)
    receipts = Receipts("veche.test", b"r" * 32)
    return Parts(cast("Any", host), section, _BOT, Vault(b"k" * 32), receipts, none)


@attrs.frozen
class Market:
    """Where persons and organisations deal.

    Attributes:
        dsn: Of its database.
        scribe: Writes its ledger.
        number: Of those who deal in one test.
    """

    dsn: str
    scribe: Scribe
    number: int = 0
    _idle: list[Connection] = attrs.field(factory=list)

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Market]:
        """A fresh one; what it did is checked at the end."""
        with database(*KERNEL_SETS, PAYMENTS) as dsn, Scribe.at(dsn, _parts()) as scribe:
            one = cls(dsn, scribe)
            yield one
            for connection in one._idle:
                connection.close()
            assert problems(dsn) == []

    def fresh(self) -> Market:
        """The same market with four others, each of whom has ``BEGINS_MINOR``."""
        one = attrs.evolve(self, number=next(_numbers))
        one.grant(one.alice, one.bob, one.carol, one.dave)
        return one

    def grant(self, *people: UserId) -> None:
        """Let some begin with ``BEGINS_MINOR``."""
        given = dict.fromkeys(people, "100 EUR")
        section = self.scribe.parts.section.model_copy(update={"grants": given})
        with self.at() as scene:
            grants.issue(attrs.evolve(scene, parts=attrs.evolve(scene.parts, section=section)))
        self.scribe.write(self.now_ms)

    @property
    def alice(self) -> UserId:
        """Who pays invoices."""
        return UserId(f"@alice{self.number}:veche.test")

    @property
    def bob(self) -> UserId:
        """Somebody with money."""
        return UserId(f"@bob{self.number}:veche.test")

    @property
    def carol(self) -> UserId:
        """Somebody with money."""
        return UserId(f"@carol{self.number}:veche.test")

    @property
    def dave(self) -> UserId:
        """Who asks others to share a bill."""
        return UserId(f"@dave{self.number}:veche.test")

    @property
    def now_ms(self) -> int:
        """When the test begins: long after the one before, since ledger time never goes back."""
        return NOW_MS + self.number * _APART_MS

    @contextmanager
    def at(self, now_ms: int | None = None) -> Iterator[Conversation]:
        """A transaction, committed at the end."""
        connection = self._idle.pop() if self._idle else connect(self.dsn)
        try:
            with connection, connection.cursor() as txn:
                moment = self.now_ms if now_ms is None else now_ms
                yield self.scribe.parts.conversation(txn, f"cause {next(_numbers)}", moment)
        finally:
            self._idle.append(connection)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the database; without any for what only changes something."""
        with self.at() as scene:
            scene.txn.execute(statement, values)
            return scene.txn.fetchall() if scene.txn.description else []

    def bill(self, *sharers: Sharer, total_minor: int = 6_000, now_ms: int | None = None) -> str:
        """A bill that Dave asks others to share; its id."""
        private = BillPrivate(
            Party(self.dave, "Dave"), "EUR", "dinner", RoomId("!r"), total_minor, ()
        )
        names = {one.who: one.who for one in sharers}
        with self.at(now_ms) as scene:
            billing._start(scene, private, sharers, names)
        return self.newest_bill()

    def newest_bill(self) -> str:
        """The bill that Dave began last."""
        with self.at() as scene:
            organiser = scene.holder(self.dave).id
        [(bill_id,)] = self.rows(
            "SELECT id FROM payments.bill WHERE organiser = %s ORDER BY asked_at_ms DESC LIMIT 1",
            organiser,
        )
        return str(bill_id)

    def share(self, bill_id: str, person: UserId) -> str:
        """The payment of somebody's share of a bill."""
        with self.at() as scene:
            matter = bills.lock(scene, bill_id)
            assert matter is not None
            [found] = [
                one.payment.id for one in matter.shares if one.private.payer.person == person
            ]
        return found

    def invoice(self, minor: int = 1_000, **terms: Any) -> str:
        """An invoice of the shop to Alice, which she is asked to pay; the payment's id."""
        id_ = derived_ulid(self.now_ms, "invoice", next(_numbers))
        amount = {"minor": minor, "currency": "EUR"}
        card = {
            "v": 1,
            "id": id_,
            "issuer": SHOP.id,
            "issuer_name": SHOP.name,
            "title": "Bread",
            "lines": [{"text": "Bread", "amount": amount}],
            "total": amount,
            "due_at_ms": self.now_ms + 10**8,
        }
        about = {"organisation": SHOP.id, "ours": ""}
        order = {"card": card, "addressee": self.alice, "reply": "shop.heard", "about": about}
        with self.at() as scene:
            invoicing.issue(scene, InvoiceOrder.model_validate({**order, "terms": terms}))
        return str(id_)

    def asked(self, invoice_id: str) -> str:
        """A payment of an invoice that waits for Alice's approval, as if she had a chat."""
        with self.at() as scene:
            file = invoices.lock_invoice(scene.txn, invoice_id)
            assert file is not None
            payment = Payment(
                id=scene.sender.fresh_ulid("payment"),
                kind=Kind.INVOICE,
                state=State.ASKED,
                payer=scene.holder(self.alice).id,
                payee=file.invoice.payee,
                ledger=file.invoice.ledger,
                amount_minor=file.invoice.amount_minor,
                fee_minor=0,
                asked_at_ms=self.now_ms,
                due_at_ms=file.invoice.due_at_ms,
                invoice=(invoice_id, 1),
            )
            private = Private(Party(self.alice, "Alice"), Party(SHOP.id, SHOP.name), "EUR", "Bread")
            matter = files.add(scene, payment, private)
            assert matter is not None
            extras.ask_first(scene, matter)
        return payment.id

    def approve(self, payment_id: str, now_ms: int | None = None) -> None:
        """Its payer's key approves a payment."""
        with self.at(now_ms) as scene:
            matter = self.matter(scene, payment_id)
            assert matter.payment.state is State.ASKED
            payer = matter.private.payer.person
            assert payer is not None
            given = KEYS.approve(scene.txn, payer, scene.now_ms, nonce())
            payment = attrs.evolve(matter.payment, approved_by=given)
            paying._go_on(scene, attrs.evolve(matter, payment=payment), scene.now_ms)

    def held(self, *payment_ids: str, now_ms: int | None = None) -> None:
        """These are approved and set aside."""
        for one in payment_ids:
            self.approve(one, now_ms)
        self.scribe.write(self.now_ms if now_ms is None else now_ms)

    def matter(self, scene: Conversation, payment_id: str) -> OpenPayment:
        """A payment, locked."""
        found = files.lock(scene, payment_id)
        assert found is not None
        return found

    def state(self, payment_id: str) -> tuple[object, object]:
        """State of a payment, and why."""
        statement = "SELECT state, why FROM payments.payment WHERE id = %s"
        [(state, why)] = self.rows(statement, payment_id)
        return state, why

    def bill_state(self, bill_id: str) -> object:
        """State of a bill."""
        [(state,)] = self.rows("SELECT state FROM payments.bill WHERE id = %s", bill_id)
        return state

    def invoice_state(self, invoice_id: str) -> object:
        """State of an invoice."""
        statement = "SELECT state FROM payments.invoice WHERE id = %s"
        [(state,)] = self.rows(statement, invoice_id)
        return state

    def told(self, invoice_id: str) -> list[object]:
        """The states of an invoice of which the shop is to hear, by the alphabet."""
        statement = (
            "SELECT payload ->> 'state' FROM runtime.errand WHERE kind = 'shop.heard'"
            " AND payload ->> 'invoice' = %s ORDER BY 1"
        )
        return [state for (state,) in self.rows(statement, invoice_id)]

    def has(self, who: str) -> tuple[int, int]:
        """What somebody has, and what of theirs is set aside beside it."""
        with self.at() as scene:
            is_person = who.startswith("@")
            holder = scene.holder(UserId(who)) if is_person else scene.organisation(who)
            holder_id = holder.id
        rows = self.rows(
            "SELECT l.credits_posted - l.debits_posted - l.debits_pending, l.debits_pending"
            " FROM payments.account AS a JOIN ledger.account AS l ON l.id = a.id"
            " WHERE a.holder = %s",
            holder_id,
        )
        free_minor, held_minor = rows[0] if rows else (0, 0)
        assert isinstance(free_minor, int)
        assert isinstance(held_minor, int)
        return free_minor, held_minor

    def give_back(self, payment_id: str, minor: int) -> str:
        """The shop gives back a part of what it was paid; the refund's id."""
        with self.at() as scene:
            paid = self.matter(scene, payment_id)
            first, private = paid.payment, paid.private
            refund = Payment(
                id=scene.sender.fresh_ulid("refund"),
                kind=Kind.REFUND,
                state=State.PAYING,
                payer=first.payee,
                payee=first.payer,
                ledger=first.ledger,
                amount_minor=minor,
                fee_minor=0,
                asked_at_ms=self.now_ms,
                instruction="test",
                refund_of=first.id,
            )
            back = Private(private.payee, private.payer, private.currency, private.reference)
            assert files.add(scene, refund, back) is not None
            moving.attempt(scene, refund)
        self.scribe.write(self.now_ms)
        return refund.id

    def move_all(self, payer: str, payee: str) -> None:
        """An organisation pays another one all it has."""
        minor, _ = self.has(payer)
        with self.at() as scene:
            payment = Payment(
                id=scene.sender.fresh_ulid("payment"),
                kind=Kind.PAY,
                state=State.PAYING,
                payer=scene.organisation(payer).id,
                payee=scene.organisation(payee).id,
                ledger=holders.currencies(scene.txn)["EUR"],
                amount_minor=minor,
                fee_minor=0,
                asked_at_ms=self.now_ms,
                instruction="test",
            )
            private = Private(Party(payer, payer), Party(payee, payee), "EUR", "")
            assert files.add(scene, payment, private) is not None
            moving.attempt(scene, payment)
        self.scribe.write(self.now_ms)
