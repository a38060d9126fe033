"""An invoice that is paid by a transfer from a bank: the code led the money to its issuer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appservices.payments.invoices.core.invoice import InvoiceInput, InvoiceState
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as store
from appservices.payments.organisations import store as events
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.texts.views import Party

if TYPE_CHECKING:
    from appservices.payments.banks.service import BankNews
    from appservices.payments.conversation.service.conversation import Conversation

logger = logging.getLogger(__name__)

BY_BANK = "bank"
"""First word of what such a payment is ordered by."""
PAID_AGAIN = "invoice.paid_again"
"""Event: money came for an invoice that was paid or is over; it is the organisation's now."""


def credited(scene: Conversation, news: BankNews) -> None:
    """Money came for an account of an organisation; the invoice that it is for is paid.

    Args:
        scene: The transaction of the bank's line.
        news: What came; it is about the invoice.
    """
    file = store.lock_invoice(scene.txn, news.about)
    if file is None:
        return
    invoice, order = file.invoice, invoices.order_of(scene, file)
    is_open = invoice.state is InvoiceState.ISSUED and scene.now_ms < invoice.due_at_ms
    if not is_open or invoice.amount_minor != news.amount_minor:
        logger.warning("money came for invoice %s, which is %s", invoice.id, invoice.state.value)
        told = events.News(PAID_AGAIN, order.about.get("ours", ""), invoice.id)
        events.add_event(scene.txn, invoice.payee, told, scene.now_ms)
        return
    payer = f"{news.about} {news.line}"
    payment = Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=Kind.INVOICE,
        state=State.PAID,
        payer=scene.bank_account_holder(payer).id,
        payee=invoice.payee,
        ledger=invoice.ledger,
        amount_minor=invoice.amount_minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        instruction=f"{BY_BANK} {news.line}",
        invoice=(invoice.id, invoice.version),
    )
    card = order.card
    private = Private(
        Party("bank", "bank"), Party(card.issuer, card.issuer_name), card.total.currency, card.title
    )
    if files.add(scene, payment, private) is None:
        return
    invoices.begin_paying(scene, payment)
    taken = store.lock_invoice(scene.txn, invoice.id, invoice.version)
    if taken is not None and taken.invoice.paid_by == payment.id:
        invoices.take_step(scene, taken, InvoiceInput.MOVED)
