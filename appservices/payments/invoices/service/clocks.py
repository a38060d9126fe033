"""The clock of an invoice: a job at the moment when it can be paid no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.core.invoice import Invoice


DUE: Final = "payments.due"
"""Job: the time to pay an invoice is over."""


def set_due(scene: Conversation, invoice: Invoice) -> None:
    """Come back to an invoice when it can be paid no more, whoever was asked to pay it."""
    id_ = effect_id(DUE, invoice.id, invoice.version)
    payload = {"invoice": invoice.id, "version": invoice.version}
    jobs.schedule(scene.txn, Job(id_, DUE, payload, invoice.due_at_ms))
