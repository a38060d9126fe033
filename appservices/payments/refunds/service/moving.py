"""Money that an organisation gives back: at once, or to another institution by asking it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from appservices.payments.peers.service import peers
from appservices.payments.peers.service import sending as peers_sending
from appservices.payments.postings.service import holding, moving
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.service import files

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.payment import Payment
    from appservices.payments.transfers.service.files import OpenPayment, Private


def begin(scene: Conversation, payment: Payment, private: Private) -> OpenPayment | None:
    """Keep a refund by an organisation's order, and have it made; None if it is kept already.

    Args:
        scene: The transaction.
        payment: The refund; its state does not count.
        private: Who gives it back to whom.
    """
    is_abroad = peers.is_abroad(scene, payment)
    state = State.HOLDING if is_abroad else State.PAYING
    matter = files.add(scene, attrs.evolve(payment, state=state), private)
    if matter is None:
        return None
    if is_abroad:
        holding.hold(scene, matter.payment, peers_sending.hold_ms(scene))
    else:
        moving.attempt(scene, matter.payment)
    return matter
