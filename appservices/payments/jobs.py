"""Jobs of the payments bot outside transactions: chats, names of payees, clocks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from appservices.payments.acts import service as acting
from appservices.payments.allowances.service import allowances
from appservices.payments.banks.service.suspense import ASK_PAYER
from appservices.payments.bills.jobs import BillDue, LookUpSharers
from appservices.payments.bills.service import asking as billing
from appservices.payments.bills.service.asking import LOOK_UP_SHARERS
from appservices.payments.bills.service.ending import BILL_DUE
from appservices.payments.bulk.service.bulk import BACK_AGAIN, PAY_LINES
from appservices.payments.bulk.service.lines import GiveBack, PayLines
from appservices.payments.cases import jobs as setting_aside
from appservices.payments.chats.jobs import ReadPicture
from appservices.payments.chats.service.chats import LOOK_UP, greet
from appservices.payments.chats.service.payouts import CHECK_NAME, CheckName
from appservices.payments.chats.service.pictures import READ as READ_PICTURE
from appservices.payments.conversation.service.chats import OPEN_CHAT
from appservices.payments.conversation.service.conversation import Parts
from appservices.payments.conversation.service.naming import known_name
from appservices.payments.interbank.service import banks as peers_bank
from appservices.payments.interbank.service.comparing import CHECK as CHECK_PEER
from appservices.payments.interbank.service.comparing import CheckPeer
from appservices.payments.interbank.service.delivery import Send
from appservices.payments.interbank.service.invoices import Tell
from appservices.payments.interbank.service.settling import SETTLE as SETTLE_PEER
from appservices.payments.interbank.service.settling import SettlePeer
from appservices.payments.invoices.core.order import INVOICE_JOB, WITHDRAW_JOB, InvoiceOrder
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service.clocks import DUE
from appservices.payments.invoices.service.news import TELL as TELL_INVOICE
from appservices.payments.mandates.core.order import (
    CHARGE_JOB,
    MANDATE_JOB,
    ChargeOrder,
    MandateOrder,
)
from appservices.payments.mandates.service import (
    debits as charges,
)
from appservices.payments.mandates.service import (
    mandates,
)
from appservices.payments.mandates.service import (
    organisations as api_mandates,
)
from appservices.payments.merchants.service import invoicing
from appservices.payments.paying.service import paying
from appservices.payments.paying.service.held import HOLD_ENDED, HoldEnded
from appservices.payments.peers.service import payees as abroad
from appservices.payments.peers.service.sending import SEND as SEND_PEER
from appservices.payments.peers.texts import peer_doc, peer_words
from appservices.payments.receipts.service.files import SEND_RECEIPT, SendReceipt
from appservices.payments.safeguards.service import revoking, safeguards
from appservices.payments.statements.service.files import SEND_STATEMENT, SendStatement
from appservices.payments.topups.service.lost_payouts import AskPayer
from appservices.payments.topups.service.topups import SEND_CODE, SendCode
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.clocks import CLOCK
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.texts.paying import unknown_payee_doc
from appservices.payments.transfers.texts.refusals import PEER_REFUSALS
from appservices.payments.transfers.texts.views import Party
from appservices.payments.witnesses.service.heads_room import OPEN_ROOM, OpenRoom
from veche.bots import ChatJob, Join, OpenChat, invite, join_kind
from veche.protocol.errors import ActRequiredError
from veche.protocol.ids import RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from veche.messaging.jobs import Job, JobHandler
    from veche.runtime.database import Cursor

logger = logging.getLogger(__name__)


def handlers(parts: Parts) -> dict[str, JobHandler]:
    """The handler of each kind of job."""
    return {
        join_kind(parts.profile.purpose): Join(parts, greet),
        OPEN_CHAT: _OpenChat(parts),
        LOOK_UP: _LookUp(parts),
        CLOCK: _Clock(parts),
        DUE: _Due(parts),
        LOOK_UP_SHARERS: LookUpSharers(parts),
        BILL_DUE: BillDue(parts),
        HOLD_ENDED: HoldEnded(parts),
        OPEN_ROOM: OpenRoom(parts),
        SEND_PEER: Send(parts),
        TELL_INVOICE: Tell(parts),
        CHECK_PEER: CheckPeer(parts),
        SETTLE_PEER: SettlePeer(parts, peers_bank.pay),
        PAY_LINES: PayLines(parts),
        BACK_AGAIN: GiveBack(parts),
        **setting_aside.handlers(parts),
        **safeguards.handlers(parts),
        **revoking.handlers(parts),
        SEND_RECEIPT: SendReceipt(parts),
        SEND_CODE: SendCode(parts),
        SEND_STATEMENT: SendStatement(parts),
        CHECK_NAME: CheckName(parts),
        ASK_PAYER: AskPayer(parts),
        READ_PICTURE: ReadPicture(parts),
        INVOICE_JOB: _Issue(parts),
        WITHDRAW_JOB: _Withdraw(parts),
        MANDATE_JOB: _Propose(parts),
        CHARGE_JOB: _Charge(parts),
    }


class _Handler(ChatJob[Parts]):
    def _conversation(self, txn: Cursor, job: Job, now_ms: int) -> Conversation:
        return self._parts.conversation(txn, job.id, now_ms)


class _OpenChat(OpenChat[Parts]):
    """Makes a chat with somebody who was paid and has none, and tells them there."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._parts.conversation(txn, job.id, now_ms)
        person, room_id = UserId(job.payload["person"]), RoomId(result["room"])
        invite(scene, room_id, person)
        greet(scene, room_id, person)
        if "invoice" in job.payload:
            invoicing.ask(scene, job.payload["invoice"], job.payload["version"])
        if "mandate" in job.payload:
            mandates.ask(scene, job.payload["mandate"])
        setting_aside.show_to(scene, job.payload, person)
        safeguards.show_to(scene, job.payload, person)
        if "share" in job.payload:
            billing.ask(scene, job.payload["share"])


class _LookUp(_Handler):
    """Finds out whether somebody can be paid and what they are called; then asks the payer."""

    async def perform(self, job: Job) -> Mapping[str, Any]:
        payer, payee = job.payload["person"], job.payload["payee"]
        known = await known_name(self._host.client, self._bot, UserId(payer))
        currency = job.payload["currency"]
        name, why = await abroad.payee_name(self._parts, UserId(payee), currency)
        return {"payer": known, "payee": name, "why": why}

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:
        scene = self._conversation(txn, job, now_ms)
        wanted = job.payload
        person, payee = UserId(wanted["person"]), UserId(wanted["payee"])
        room_id = RoomId(wanted["room"])
        if result["payee"] is None or result["payer"] is None:
            why, localizer = str(result.get("why")), scene.localizer(person)
            is_peers = why in PEER_REFUSALS
            doc = peer_doc(peer_words(why, localizer)) if is_peers else unknown_payee_doc(localizer)
            scene.tell(room_id, person, doc)
            return
        private = Private(
            payer=Party(person, result["payer"]),
            payee=Party(payee, result["payee"]),
            currency=wanted["currency"],
            reference=wanted["reference"],
            room_id=room_id,
        )
        if wanted.get("giver") is not None:
            allowances.pay(scene, private, wanted["minor"], UserId(wanted["giver"]))
        else:
            paying.begin(scene, paying.new(scene, private, wanted["minor"]))


class _Issue(_Handler):
    """A service of an organisation has an invoice paid."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene, order = (
            self._conversation(txn, job, now_ms),
            InvoiceOrder.model_validate(job.payload),
        )
        try:
            acting.spend_of_order(scene, order)
        except ActRequiredError as e:
            logger.warning("invoice %s of %s: %s", order.card.id, order.card.issuer, e)
            invoices.tell_issuer(scene, order, invoicing.ISSUED_TWICE, None)
            return
        invoicing.issue(scene, order)


class _Withdraw(_Handler):
    """A service of an organisation takes an invoice back."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._conversation(txn, job, now_ms)
        wanted = job.payload
        invoicing.withdraw(scene, wanted["invoice"], wanted["issuer"], wanted.get("reason"))


class _Propose(_Handler):
    """A service of an organisation proposes a mandate."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._conversation(txn, job, now_ms)
        api_mandates.offer(scene, MandateOrder.model_validate(job.payload))


class _Charge(_Handler):
    """A service of an organisation debits by a mandate."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        order = ChargeOrder.model_validate(job.payload)
        charges.announce(self._conversation(txn, job, now_ms), order)


class _Clock(_Handler):
    """The time of a payment's state is over."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._conversation(txn, job, now_ms)
        matter = files.lock(scene, job.payload["payment"])
        if matter is not None:
            paying.fire_timer(scene, matter)


class _Due(_Handler):
    """The time to pay an invoice is over."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        scene = self._conversation(txn, job, now_ms)
        invoices.expire(scene, job.payload["invoice"], job.payload["version"])
