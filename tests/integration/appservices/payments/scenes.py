"""Transactions of the payments bot on a real database, in which nobody has a chat."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from appservices.payments import demo as payments_demo
from appservices.payments.config import PaymentsSection
from appservices.payments.conversation.service.conversation import Conversation, Parts
from appservices.payments.holders import store as holders
from appservices.payments.mandates import store as mandate_store
from appservices.payments.mandates.core.mandate import MandateState, Terms
from appservices.payments.mandates.core.order import ChargeOrder, MandateOrder
from appservices.payments.mandates.store import Mandate
from appservices.payments.postings.service import moving
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.texts.views import Party
from tests.integration.appservices.payments.ledgers import PAYMENTS
from tests.support.postgres import database, execute, session
from tests.support.stored_keys import StoredApprovals
from veche.chat.sending import Sender
from veche.messaging.service import BotAccount
from veche.protocol.ids import UserId, derived_ulid
from veche.runtime.database.migrate import KERNEL_SETS
from veche.runtime.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from veche.protocol.ids import Ulid
    from veche.runtime.database import Connection

ALICE: Final = UserId("@alice:veche.test")
BOB: Final = UserId("@bob:veche.test")
NOW_MS: Final = 1_000_000
EURO: Final = {"minor": 500, "currency": "EUR"}
_BOT: Final = BotAccount(UserId("@veche_payments:veche.test"), "Bank", "bank")
_VAULT: Final = Vault(b"k" * 32)
_numbers = itertools.count(1)
# What is said to nobody needs no host, no receipts and no bank.
_NONE: Final = cast("Any", None)
# There are no pages here, so nothing links to one.
KEYS: Final = StoredApprovals()
_HOST: Final = cast("Any", SimpleNamespace(links=None, approvals=KEYS, bridges=frozenset()))
_PARTS: Final = Parts(
    _HOST,
    PaymentsSection.model_validate(payments_demo.payments_section()),
    _BOT,
    _VAULT,
    _NONE,
    _NONE,
)


@attrs.frozen
class World:
    """One transaction, and what it can keep.

    Attributes:
        connection: Has the transaction.
        scene: Of it.
    """

    connection: Connection
    scene: Conversation

    def approved(self, person: UserId = ALICE) -> str:
        """The nonce of something that a key of a person's has approved."""
        return KEYS.approve(self.scene.txn, person, NOW_MS, nonce())

    def paying(self) -> OpenPayment:
        """A payment of Alice's that waits for the writer."""
        matter = self.asked(state=State.PAYING, approved_by=self.approved())
        moving.attempt(self.scene, matter.payment)
        return matter

    def asked(self, kind: Kind = Kind.PAY, **more: Any) -> OpenPayment:
        """A payment of Alice's to Bob."""
        given = {"state": State.ASKED, "due_at_ms": NOW_MS + 1, **more}
        payment = Payment(
            id=derived_ulid(NOW_MS, "payment", next(_numbers)),
            kind=kind,
            payer=self.scene.holder(ALICE).id,
            payee=self.scene.holder(BOB).id,
            ledger=self._euro(),
            amount_minor=500,
            fee_minor=0,
            asked_at_ms=NOW_MS,
            **given,
        )
        private = Private(Party(ALICE, ALICE), Party(BOB, BOB), "EUR", "", order=_CHARGE)
        kept = files.add(self.scene, payment, private)
        assert kept is not None
        return kept

    def charge(self, mandate: Ulid, due_at_ms: int = NOW_MS) -> OpenPayment:
        """A charge by a mandate that waits until the time of its notice is over."""
        return self.asked(
            Kind.MANDATE, state=State.COOLING, mandate_id=mandate, due_at_ms=due_at_ms
        )

    def mandate(self) -> Ulid:
        """A mandate that Alice gave to the waterworks."""
        id_ = derived_ulid(NOW_MS, "mandate", next(_numbers))
        order = MandateOrder.model_validate(
            {
                "id": id_,
                "payee": "water",
                "payee_name": "Water",
                "payer": ALICE,
                "purpose": "Water",
                "each_max": EURO,
                "period": "month",
                "period_max": EURO,
                "starts_at_ms": 1,
                "ends_at_ms": NOW_MS * 2,
            }
        )
        mandate = Mandate(
            id=id_,
            payer=self.scene.holder(ALICE).id,
            payee=self.scene.organisation("water").id,
            ledger=self._euro(),
            state=MandateState.ACTIVE,
            count=0,
            sealed=_VAULT.seal(order.model_dump(mode="json", exclude_none=True)),
            approved_by=self.approved(),
            terms=Terms(500, "month", 500, 1, NOW_MS * 2, notice_ms=0),
        )
        assert mandate_store.add_mandate(self.scene.txn, mandate, NOW_MS)
        return id_

    def _euro(self) -> int:
        return holders.currencies(self.scene.txn)["EUR"]


_CHARGE: Final = ChargeOrder.model_validate(
    {
        "id": derived_ulid(1, "charge"),
        "mandate": derived_ulid(1, "mandate"),
        "payee": "water",
        "amount": EURO,
        "title": "Water",
        "reply": "water.heard",
    }
).model_dump(mode="json", exclude_none=True)


def nonce() -> str:
    """That of an approval."""
    return f"nonce {next(_numbers)}"


@contextmanager
def bank() -> Iterator[str]:
    """Connection string of a database in which Euros are kept."""
    with database(*KERNEL_SETS, PAYMENTS) as dsn:
        with world(dsn) as here:
            holders.keep_currencies(here.scene.txn, ["EUR"])
        yield dsn


@contextmanager
def world(dsn: str, now_ms: int = NOW_MS, cause: str = "") -> Iterator[World]:
    """A transaction, committed at the end."""
    with session(dsn) as connection, connection.cursor() as txn:
        sender = Sender(txn, _NONE, _BOT, cause or f"cause {next(_numbers)}", now_ms)
        yield World(connection, Conversation(txn, sender, _PARTS))
        connection.commit()


def told(dsn: str, organisation: str) -> list[object]:
    """The states of which an organisation is to hear."""
    statement = "SELECT payload ->> 'state' FROM runtime.errand WHERE kind = %s"
    return [state for (state,) in execute(dsn, statement, f"{organisation}.heard")]
