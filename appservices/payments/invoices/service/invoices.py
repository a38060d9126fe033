"""Invoices as they are paid: locked by one payment, settled by it, told to their issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.guardians.service import asking as guarding
from appservices.payments.invoices.core.invoice import (
    PAID_STATES,
    InvoiceEffect,
    InvoiceInput,
    InvoiceState,
    step_invoice,
)
from appservices.payments.invoices.core.order import InvoiceOrder
from appservices.payments.invoices.service import news as invoice_news
from appservices.payments.invoices.store import invoices as store
from appservices.payments.organisations.service import news
from appservices.payments.transfers.core.payment import Input, State, step
from appservices.payments.transfers.service import asking, files
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.texts.paying import INVOICE_OVER, INVOICE_PAID
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.core.invoice import Invoice
    from appservices.payments.invoices.store.invoices import InvoiceFile
    from appservices.payments.transfers.core.payment import Payment

REFUNDED: Final = "refunded"
"""State of which the issuer hears when money went back."""
REFUND_REFUSED: Final = "refund_refused"
"""The same if money was to go back with the invoice, and its issuer has not so much."""
BY_WITHDRAWAL: Final = "withdrawal of invoice"
"""Orders a refund: its invoice was taken back."""


_TOLD_ABROAD: Final = frozenset({InvoiceState.PAID, InvoiceState.WITHDRAWN})
"""What another institution hears of: that its time is over it sees itself, and a newer version it
gets."""


def order_of(scene: Conversation, file: InvoiceFile) -> InvoiceOrder:
    """An invoice as it was ordered."""
    return InvoiceOrder.model_validate(scene.vault.open(file.sealed))


def begin_paying(scene: Conversation, payment: Payment) -> str | None:
    """Take an invoice for a payment that is about to be made; why not, as a code, or None.

    Of two who pay at once the database lets one through: the other waits for the lock, and then
    finds the invoice taken.
    """
    if payment.invoice is None:
        return None
    file = store.lock_invoice(scene.txn, *payment.invoice)
    if file is None or file.invoice.state is not InvoiceState.ISSUED:
        is_paid = file is not None and file.invoice.state in PAID_STATES
        return INVOICE_PAID if is_paid else INVOICE_OVER
    if file.invoice.due_at_ms <= scene.now_ms:
        return INVOICE_OVER
    take_for(scene, file, payment.id)
    return None


def take_for(scene: Conversation, file: InvoiceFile, payment_id: str) -> None:
    """Take an invoice, locked and to be paid still, for a payment, or a packet of another's."""
    taken, _ = step_invoice(file.invoice, InvoiceInput.PAY, paid_by=payment_id)
    store.save_invoice(scene.txn, taken, scene.now_ms)


def is_addressee(scene: Conversation, payment: Payment, holder_id: int) -> bool:
    """Return whether a payment is of an invoice to a holder, who may object then."""
    file = store.invoice(scene.txn, *payment.invoice) if payment.invoice is not None else None
    return file is not None and file.invoice.addressee == holder_id


def object_to(scene: Conversation, payment: Payment) -> None:
    """The payer objects to an invoice: it is not due until its office has heard them."""
    if payment.invoice is None:
        return
    file = store.lock_invoice(scene.txn, *payment.invoice)
    if file is not None and file.invoice.state is InvoiceState.ISSUED:
        take_step(scene, file, InvoiceInput.OBJECT)


def expire(scene: Conversation, invoice_id: str, version: int) -> None:
    """The time to pay an invoice may be over; one that is being paid is left to its payment."""
    file = store.lock_invoice(scene.txn, invoice_id, version)
    is_open = file is not None and file.invoice.state is InvoiceState.ISSUED
    if file is not None and is_open and file.invoice.due_at_ms <= scene.now_ms:
        take_step(scene, file, InvoiceInput.TIME)


def settle(scene: Conversation, payment: Payment, *, is_moved: bool) -> None:
    """The writer has decided a payment; its invoice, if it is of one, follows."""
    if payment.refund_of is not None and is_moved:
        _tell_refund(scene, payment, REFUNDED)
    elif (payment.instruction or "").startswith(f"{BY_WITHDRAWAL} "):
        _tell_refund(scene, payment, REFUND_REFUSED)
    if payment.invoice is None:
        return
    file = store.lock_invoice(scene.txn, *payment.invoice)
    if file is not None and file.invoice.paid_by == payment.id:
        take_step(scene, file, InvoiceInput.MOVED if is_moved else InvoiceInput.NOT_MOVED)
        expire(scene, *payment.invoice)


def take_step(
    scene: Conversation, file: InvoiceFile, heard: InvoiceInput
) -> tuple[Invoice, tuple[InvoiceEffect, ...]]:
    """Step an invoice that is locked: keep it, end its questions, tell its issuer.

    Returns:
        The invoice, and the effects: a refund is left to the caller.

    Raises:
        InvoiceStateError: It is in no state for that; nothing has changed.
    """
    invoice, effects = step_invoice(file.invoice, heard)
    store.save_invoice(scene.txn, invoice, scene.now_ms)
    if InvoiceEffect.CLOSE_QUESTIONS in effects:
        _close_questions(scene, invoice)
    if InvoiceEffect.TELL_ISSUER in effects:
        tell_issuer(scene, order_of(scene, file), invoice.state.value, invoice.paid_by)
    if invoice.state in _TOLD_ABROAD:
        invoice_news.tell(scene, invoice, invoice_news.OVER)
    return invoice, effects


def tell_issuer(
    scene: Conversation, order: InvoiceOrder, state: str, payment_id: str | None
) -> None:
    """Let the organisation hear of a state of its invoice.

    One that a payer made and did not pay it never heard of.
    """
    if order.is_by_payer and state == InvoiceState.EXPIRED.value:
        return
    payload = {**order.about, "invoice": order.card.id, "state": state, "payment": payment_id}
    version = order.card.version
    id_ = effect_id(order.reply or "", order.card.id, version, state, payment_id or "")
    news.tell(scene, order.reply, id_, payload)


def _tell_refund(scene: Conversation, refund: Payment, state: str) -> None:
    """Let the issuer hear what became of a refund of what was paid by their invoice."""
    first = payments.lock_payment(scene.txn, str(refund.refund_of))
    if first is None or first.payment.invoice is None:
        return
    file = store.lock_invoice(scene.txn, *first.payment.invoice)
    if file is not None:
        tell_issuer(scene, order_of(scene, file), state, refund.id)


def _close_questions(scene: Conversation, invoice: Invoice) -> None:
    """Close the questions to everybody else who was asked to pay it."""
    for file in payments.waiting_for_invoice(scene.txn, invoice.id, invoice.version):
        matter = files.matter_of(scene, file)
        is_asked = matter.payment.state is State.ASKED
        is_late = invoice.state is InvoiceState.EXPIRED and is_asked
        payment, _ = step(matter.payment, Input.TIME if is_late else Input.CANCEL)
        closed = files.save(scene, matter, payment)
        asking.close(scene, closed)
        guarding.close(scene, closed)


def invoice_order(scene: Conversation, payment: Payment) -> InvoiceOrder | None:
    """The invoice of a payment, which is locked now; None if it is of none."""
    if payment.invoice is None:
        return None
    file = store.lock_invoice(scene.txn, *payment.invoice)
    return order_of(scene, file) if file is not None else None
