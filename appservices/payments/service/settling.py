"""What the writer's decision becomes: the state of the payment, its receipts; in the same block."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.core.ledger import Result
from appservices.payments.core.payment import Input, Kind, State, step
from appservices.payments.core.texts.paying import (
    FAILED,
    NO_COVER,
    PAYEE_CLOSED,
    REFUND_TOO_HIGH,
    receipt_doc,
)
from appservices.payments.service import charges, files, invoices, payouts, proving
from appservices.payments.service.paying import tell_refused
from appservices.payments.store import chats
from veche.runtime import errands
from veche.runtime.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.service.files import Matter
    from appservices.payments.service.scene import Scene
    from appservices.payments.service.work import Outcome
    from veche.protocol.ids import UserId
    from veche.protocol.message import Payload

logger = logging.getLogger(__name__)

OPEN_CHAT: Final = "payments.chat"
"""Errand: makes a chat with somebody who was paid and has none."""
_WHY: Final[Mapping[Result, str]] = {
    Result.EXCEEDS_CREDITS: NO_COVER,
    Result.CREDIT_ACCOUNT_ALREADY_CLOSED: PAYEE_CLOSED,
    Result.EXCEEDS_REFUNDABLE: REFUND_TOO_HIGH,
}


def settle(scene: Scene, payment_id: str, outcome: Outcome) -> None:
    """The writer has decided the transfers of a payment.

    Args:
        scene: The transaction of the block.
        payment_id: Of which payment.
        outcome: What became of its transfers.
    """
    matter = files.lock(scene, payment_id)
    if matter is None or matter.payment.state is not State.PAYING:
        return
    if outcome.is_done:
        payment, _ = step(matter.payment, Input.MOVED)
        after = files.save(scene, matter, payment)
        payload = proving.payload(scene, after, outcome)
        _tell_payer(scene, after, payload)
        _tell_payee(scene, after, payload)
        _settle_others(scene, after)
    else:
        refuse(scene, matter, _why(payment_id, outcome))


def refuse(scene: Scene, matter: Matter, why: str) -> None:
    """A payment that was to be made moved nothing: the writer says so, or it was taken back."""
    payment, _ = step(matter.payment, Input.NOT_MOVED, why=why)
    after = files.save(scene, matter, payment)
    if payment.kind is Kind.PAYOUT:
        payouts.take_back(scene, payment)
    tell_refused(scene, after)
    _settle_others(scene, after)


def _settle_others(scene: Scene, matter: Matter) -> None:
    """The invoice and the mandate of a payment follow it."""
    is_moved = matter.payment.state is State.PAID
    invoices.settle(scene, matter.payment, is_moved=is_moved)
    charges.settle(scene, matter)


def _why(payment_id: str, outcome: Outcome) -> str:
    for result in outcome.results:
        if result in _WHY:
            return _WHY[result]
    words = [one.word for one in outcome.results]
    logger.error("payment %s was refused by the ledger: %s", payment_id, words)
    return FAILED


def open_chat(scene: Scene, person: UserId, **about: str | int) -> None:
    """Make a chat with a person who has none, and go on there.

    Args:
        scene: The transaction.
        person: Who.
        about: What they are asked there: an ``invoice`` and its ``version``, a ``mandate``.
    """
    payload = {"person": person, **about}
    id_ = scene.voice.fresh_id(OPEN_CHAT)
    errands.schedule(scene.txn, Errand(id_, OPEN_CHAT, payload, scene.now_ms))


def tell_untold(scene: Scene, matter: Matter) -> None:
    """Tell a payee of what they were paid before they had a chat."""
    _tell_receipt(scene, matter, proving.payload(scene, matter))


def _tell_payer(scene: Scene, matter: Matter, payload: Payload) -> None:
    room_id, person = matter.payer_room(scene), matter.private.payer.person
    if room_id is not None and person is not None:
        doc = receipt_doc(matter.view, scene.speech(person), is_payer=True)
        scene.tell(room_id, person, doc, payload=payload)


def _tell_payee(scene: Scene, matter: Matter, payload: Payload) -> None:
    payment, person = matter.payment, matter.private.payee.person
    if person is None or _tell_receipt(scene, matter, payload):
        return
    chats.keep_untold(scene.txn, payment.payee, payment.id)
    # Who begins with money is told of it in the chat that they begin; nobody is called for that.
    if payment.kind is not Kind.ISSUE:
        open_chat(scene, person)


def _tell_receipt(scene: Scene, matter: Matter, payload: Payload) -> bool:
    """Tell a payee what they were paid; False if there is nowhere to."""
    person = matter.private.payee.person
    room_id = scene.chat_of(person) if person is not None else None
    if person is None or room_id is None:
        return False
    doc = receipt_doc(matter.view, scene.speech(person), is_payer=False)
    scene.tell(room_id, person, doc, payload=payload)
    return True
