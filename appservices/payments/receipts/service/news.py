"""News of a payment for payer and payee: its receipts, or why it was not made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.conversation import store as chats
from appservices.payments.conversation.service.chats import OPEN_CHAT
from appservices.payments.peers.service import peers
from appservices.payments.postings.service.judging import balance_of
from appservices.payments.receipts.service import proofs as proving
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.texts.paying import receipt_doc, refused_doc
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.service.work import Outcome
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.message import Payload


def tell_refused(scene: Conversation, matter: OpenPayment) -> None:
    """Tell the payer why it was not made."""
    room_id, person = matter.payer_room(scene), matter.private.asker.person
    if room_id is None or person is None or matter.payment.why is None:
        return
    balance_minor = balance_of(scene, matter.payment)
    doc = refused_doc(matter.payment.why, matter.view, balance_minor, scene.localizer(person))
    scene.tell(room_id, person, doc)


def tell_untold(scene: Conversation, matter: OpenPayment) -> None:
    """Tell a payee of what they were paid before they had a chat."""
    _tell_receipt(scene, matter, proving.payload(scene, matter))


def tell_share(scene: Conversation, share: OpenPayment, outcome: Outcome) -> None:
    """Tell the payer of a share that it is paid; who is paid hears of the whole bill at once."""
    tell_payer(scene, share, proving.payload(scene, share, outcome))


def tell_from_peer(scene: Conversation, matter: OpenPayment, outcome: Outcome) -> None:
    """Tell somebody what they were paid from another institution; the payer hears of it there."""
    tell_payee(scene, matter, proving.payload(scene, matter, outcome))


def tell_payer(scene: Conversation, matter: OpenPayment, payload: Payload) -> None:
    """Give who paid their receipt, where they have a chat."""
    room_id, person = matter.payer_room(scene), matter.private.asker.person
    if room_id is not None and person is not None:
        doc = receipt_doc(matter.view, scene.localizer(person), is_payer=True)
        scene.tell(room_id, person, doc, payload=payload)


def tell_payee(scene: Conversation, matter: OpenPayment, payload: Payload) -> None:
    """Give who was paid their receipt; a chat is made for whoever has none."""
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
