"""The clocks of payments and invoices: jobs at the moment when a state ends by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.payment import Payment

CLOCK: Final = "payments.clock"
"""Job: the time of a payment's state is over."""


def set_clock(scene: Conversation, payment: Payment) -> None:
    """Come back to a payment when its state ends by itself."""
    assert payment.due_at_ms is not None, "it has such a time"  # noqa: S101 -- our bug
    id_ = effect_id(CLOCK, payment.id, payment.due_at_ms)
    jobs.schedule(scene.txn, Job(id_, CLOCK, {"payment": payment.id}, payment.due_at_ms))
