"""What the writer's decision becomes: the state of the payment, its receipts; in the same block."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.core.ledger import Result
from appservices.payments.core.payment import Input, Kind, State, step
from appservices.payments.core.texts.paying import (
    FAILED,
    KEY_REVOKED,
    NO_COVER,
    NOT_PAYABLE,
    REFUND_TOO_HIGH,
    UNCONFIRMED,
    receipt_doc,
)
from appservices.payments.core.texts.peers import PEER_LIMIT
from appservices.payments.service import (
    allowance_uses,
    api_refunds,
    authority,
    bills,
    bulk,
    charges,
    files,
    holding,
    invoices,
    payouts,
    peers,
    peers_sending,
    proving,
)
from appservices.payments.service.paying import tell_refused, tell_unconfirmed
from appservices.payments.store import chats
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import UnavailableError
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.service.conversation import Conversation
    from appservices.payments.service.files import OpenPayment
    from appservices.payments.service.work import Outcome
    from veche.protocol.ids import UserId
    from veche.protocol.message import Payload

logger = logging.getLogger(__name__)

OPEN_CHAT: Final = "payments.chat"
"""Job: makes a chat with somebody who was paid and has none."""
_COVER_MS: Final = 60_000
_WHY: Final[Mapping[Result, str]] = {
    Result.EXCEEDS_CREDITS: NO_COVER,
    Result.EXCEEDS_DEBITS: PEER_LIMIT,
    Result.CREDIT_ACCOUNT_ALREADY_CLOSED: NOT_PAYABLE,
    Result.EXCEEDS_REFUNDABLE: REFUND_TOO_HIGH,
    Result.PENDING_TRANSFER_EXPIRED: UNCONFIRMED,
}


def settle(scene: Conversation, payment_id: str, outcome: Outcome) -> None:
    """The writer has decided the transfers of a payment.

    Args:
        scene: The transaction of the block.
        payment_id: Of which payment.
        outcome: What became of its transfers.

    Raises:
        UnavailableError: A payment from before a restore has no cover yet: it is tried again, since
            its payee has the money, and a bank may bring the payer's next.
    """
    matter = files.lock(scene, payment_id)
    if matter is None or matter.payment.state is not State.PAYING:
        return
    if outcome.is_done:
        payment, _ = step(matter.payment, Input.MOVED)
        tell_made(scene, files.save(scene, matter, payment), outcome)
        return
    why = why_not(payment_id, outcome)
    if why == NO_COVER and matter.payment.instruction == authority.RESTORED:
        raise UnavailableError("the payer does not have the money yet", retry_after_ms=_COVER_MS)
    refuse(scene, matter, why)


def tell_made(scene: Conversation, matter: OpenPayment, outcome: Outcome) -> None:
    """Tell both sides of a payment that is made in this block; what belongs to it follows."""
    payload = proving.payload(scene, matter, outcome)
    _tell_payer(scene, matter, payload)
    _tell_payee(scene, matter, payload)
    _settle_others(scene, matter)


def refuse(scene: Conversation, matter: OpenPayment, why: str) -> None:
    """A payment that was to be made moved nothing: the writer says so, or it was taken back."""
    payment, _ = step(matter.payment, Input.NOT_MOVED, why=why)
    after = files.save(scene, matter, payment)
    if payment.kind is Kind.PAYOUT:
        payouts.take_back(scene, payment)
    was_held = matter.payment.state is State.PAYING and holding.is_held_first(scene, payment)
    if was_held:
        holding.void(scene, payment)
    tell_refused(scene, after)
    _settle_others(scene, after)
    if was_held:
        tell_unconfirmed(scene, payment)


def _settle_others(scene: Conversation, matter: OpenPayment) -> None:
    """The invoice and the mandate of a payment follow it."""
    is_moved = matter.payment.state is State.PAID
    invoices.settle(scene, matter.payment, is_moved=is_moved)
    charges.settle(scene, matter)
    allowance_uses.settle(scene, matter)
    peers_sending.settle(scene, matter)
    api_refunds.settle(scene, matter.payment)
    bulk.settle(scene, matter)
    bills.heard(scene, matter)


def why_not(payment_id: str, outcome: Outcome) -> str:
    """Why the ledger moved nothing, as a code."""
    if outcome.is_revoked:
        return KEY_REVOKED
    for result in outcome.results:
        if result in _WHY:
            return _WHY[result]
    words = [one.word for one in outcome.results]
    logger.error("payment %s was refused by the ledger: %s", payment_id, words)
    return FAILED


def open_chat(scene: Conversation, person: UserId, **about: str | int) -> None:
    """Make a chat with a person who has none, and go on there.

    Args:
        scene: The transaction.
        person: Who.
        about: What they are asked there: an ``invoice`` and its ``version``, a ``mandate``,
            an ``escrow``, a ``dispute``, the ``share`` of a bill.
    """
    payload = {"person": person, **about}
    id_ = scene.sender.fresh_id(OPEN_CHAT)
    jobs.schedule(scene.txn, Job(id_, OPEN_CHAT, payload, scene.now_ms))


def tell_untold(scene: Conversation, matter: OpenPayment) -> None:
    """Tell a payee of what they were paid before they had a chat."""
    _tell_receipt(scene, matter, proving.payload(scene, matter))


def tell_share(scene: Conversation, share: OpenPayment, outcome: Outcome) -> None:
    """Tell the payer of a share that it is paid; who is paid hears of the whole bill at once."""
    _tell_payer(scene, share, proving.payload(scene, share, outcome))


def tell_from_peer(scene: Conversation, matter: OpenPayment, outcome: Outcome) -> None:
    """Tell somebody what they were paid from another institution; the payer hears of it there."""
    _tell_payee(scene, matter, proving.payload(scene, matter, outcome))


def _tell_payer(scene: Conversation, matter: OpenPayment, payload: Payload) -> None:
    room_id, person = matter.payer_room(scene), matter.private.asker.person
    if room_id is not None and person is not None:
        doc = receipt_doc(matter.view, scene.localizer(person), is_payer=True)
        scene.tell(room_id, person, doc, payload=payload)


def _tell_payee(scene: Conversation, matter: OpenPayment, payload: Payload) -> None:
    payment, person = matter.payment, matter.private.payee.person
    if person is None or peers.is_abroad(scene, payment):
        return  # their institution tells them
    if _tell_receipt(scene, matter, payload):
        return
    scene.announce_change(person)  # without a chat they may look at a page
    first = chats.keep_untold(scene.txn, payment.payee, payment.id)
    # Who begins with money is told of it in the chat that they begin; nobody is called for that.
    if payment.kind is not Kind.ISSUE:
        # Of many payments at once there comes one chat.
        id_ = effect_id(OPEN_CHAT, payment.payee, first)
        job = Job(id_, OPEN_CHAT, {"person": person}, scene.now_ms)
        jobs.schedule(scene.txn, job)


def _tell_receipt(scene: Conversation, matter: OpenPayment, payload: Payload) -> bool:
    """Tell a payee what they were paid; False if there is nowhere to."""
    person = matter.private.payee.person
    room_id = scene.chat_of(person) if person is not None else None
    if person is None or room_id is None:
        return False
    doc = receipt_doc(matter.view, scene.localizer(person), is_payer=False)
    scene.tell(room_id, person, doc, payload=payload)
    return True
