"""Giving back what one was paid, or a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.amounts.core.order import OrderProblem, read_amount
from appservices.payments.holders import store as holders
from appservices.payments.paying.service import paying
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.store import payments as store
from appservices.payments.transfers.texts.paying import REFUND_TOO_HIGH, problem_doc, refused_doc
from appservices.payments.transfers.texts.views import NUMBER_CHARACTERS
from veche.protocol.message import Mono, Paragraph

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.inbound import Inbound

_WORDS_MAX: Final = 6


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A person wants to give back a payment: "1Q2W3E4R", "1Q2W3E4R 5.00".

    Args:
        scene: The transaction.
        inbound: What they wrote.
        argument: The number of the payment, and how much if not all that is left of it.
    """
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    example = localizer.text("refund NUMBER 5.00")
    number, *words = argument.upper().split()[:_WORDS_MAX] or [""]
    holder = scene.holder(person)
    is_number = len(number) == NUMBER_CHARACTERS
    found = store.received(scene.txn, holder.id, number) if is_number else None
    if found is None:
        if number:
            text = localizer.text("You got no payment of this number. Write “history” to see them:")
        else:
            text = localizer.text(
                "Write the number of the payment, and how much if not all; “history” shows them:"
            )
        scene.tell(room_id, person, (Paragraph(text, "\n", Mono(example)),))
        return
    paid = files.matter_of(scene, found)
    # First whom all who give back lock first, so that nobody waits for one another.
    holders.lock_holder(scene.txn, holder.id)
    left_minor = payments.left_minor(scene.txn, paid.payment.id)
    amount_minor: int | OrderProblem = left_minor
    if words:
        read = read_amount(words, [paid.private.currency])
        amount_minor = read if isinstance(read, OrderProblem) else read[0].minor
    if isinstance(amount_minor, OrderProblem):
        doc = problem_doc(amount_minor, [paid.private.currency], localizer, example)
        scene.tell(room_id, person, doc)
    elif not 0 < amount_minor <= left_minor:
        scene.tell(room_id, person, refused_doc(REFUND_TOO_HIGH, paid.view, 0, localizer))
    else:
        _begin(scene, inbound, paid, amount_minor)


def _begin(scene: Conversation, inbound: Inbound, paid: OpenPayment, amount_minor: int) -> None:
    private = paid.private
    back = Private(
        payer=private.payee,
        payee=private.payer,
        currency=private.currency,
        reference=private.reference,
        room_id=inbound.room_id,
    )
    matter = paying.new(scene, back, amount_minor, Kind.REFUND, paid.payment.id)
    paying.begin(scene, matter)
