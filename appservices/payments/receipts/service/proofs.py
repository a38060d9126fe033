"""The receipt that rides beside what is told of a payment: its proof, for programs and courts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.payments.peers.service import peers
from appservices.payments.proofs.service.receipts import Told
from appservices.payments.transfers.service.transfer_ids import main_transfer
from veche.contracts.payments.receipt import PAYEE_CHARACTERS_MAX, RECEIPT_KEY
from veche.protocol.ids import Ulid
from veche.protocol.money import Money

if TYPE_CHECKING:
    from typing import Any

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.ledger.service.work import Outcome
    from appservices.payments.transfers.service.files import OpenPayment
    from appservices.payments.transfers.texts.views import Party
    from veche.protocol.message import Payload


def payload(scene: Conversation, matter: OpenPayment, outcome: Outcome | None = None) -> Payload:
    """The receipt of a payment that was made, to ride beside a text.

    Args:
        scene: The transaction.
        matter: The payment.
        outcome: Of its work, in the transaction of its block; None later.
    """
    made = None
    if outcome is not None:
        made = scene.parts.receipts.of(outcome, _told(scene, matter))
    return {RECEIPT_KEY: made if made is not None else again(scene, matter)}


def again(scene: Conversation, matter: OpenPayment) -> dict[str, Any]:
    """The receipt of a payment that was made before, with its published head if there is one."""
    return scene.parts.receipts.again(scene.txn, _told(scene, matter))


def _told(scene: Conversation, matter: OpenPayment) -> Told:
    payment, private = matter.payment, matter.private
    first, between = payment.refund_of, _between(scene, matter)
    return Told(
        id=main_transfer(scene, payment.id),
        payment=Ulid(payment.id),
        payer_ref=scene.parts.receipts.payer_ref(f"{payment.payer}", f"{payment.payee}"),
        payee=_named(private.payee),
        amount=Money(minor=payment.amount_minor, currency=private.currency),
        reference=private.reference,
        refund_of=None if between or first is None else main_transfer(scene, first),
        between=between,
    )


def _between(scene: Conversation, matter: OpenPayment) -> tuple[str, str] | None:
    """The servers of payer and payee, where these are of two institutions."""
    payment, private = matter.payment, matter.private
    own = peers.own_server(scene)
    if peers.is_abroad(scene, payment):
        return own, peers.server_of(private.payee.address)
    return (peers.server_of(private.payer.address), own) if peers.is_from_peer(payment) else None


def _named(payee: Party) -> str:
    both = payee.name if payee.name == payee.address else f"{payee.name} {payee.address}"
    return both[:PAYEE_CHARACTERS_MAX]
