"""Tell another institution, by jobs, of an invoice to one of its people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.holders import store as holders
from appservices.payments.peers.service import peers
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.core.invoice import Invoice

TELL: Final = "payments.peer_invoice"
"""Job: tells another institution of an invoice, or that it is over."""
INVOICE: Final = "invoice"
OVER: Final = "invoice_over"


def tell(scene: Conversation, invoice: Invoice, kind: str) -> None:
    """Have the institution of an invoice's addressee told, if that is another one.

    Args:
        scene: The transaction.
        invoice: Which.
        kind: ``INVOICE`` or ``OVER``.
    """
    if not is_abroad(scene, invoice):
        return
    payload = {"invoice": invoice.id, "version": invoice.version, "kind": kind}
    id_ = effect_id(TELL, invoice.id, invoice.version, kind)
    jobs.schedule(scene.txn, Job(id_, TELL, payload, scene.now_ms))


def is_abroad(scene: Conversation, invoice: Invoice) -> bool:
    """Return whether an invoice is to somebody of another institution."""
    if invoice.addressee is None:
        return False
    return holders.holder(scene.txn, invoice.addressee).kind == holders.ABROAD


def is_of_peer(scene: Conversation, invoice: Invoice) -> bool:
    """Return whether an invoice is of an organisation of another institution."""
    return holders.holder(scene.txn, invoice.payee).kind == holders.ABROAD


def own_address(scene: Conversation, name: str) -> str:
    """How an organisation of this institution is called at others."""
    return f"{name}:{peers.own_server(scene)}"
