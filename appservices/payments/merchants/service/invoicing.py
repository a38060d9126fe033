"""Invoices as organisations issue them and take them back."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.conversation.service.chats import open_chat
from appservices.payments.holders import store as holders
from appservices.payments.invoices.core.invoice import (
    Invoice,
    InvoiceEffect,
    InvoiceInput,
    InvoiceState,
    InvoiceStateError,
)
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service import news as invoice_news
from appservices.payments.invoices.service.clocks import set_due
from appservices.payments.invoices.store import invoices as store
from appservices.payments.invoices.texts.invoice import invoice_doc, withdrawn_doc
from appservices.payments.paying.service import paying
from appservices.payments.peers.service import peers
from appservices.payments.refunds.service import moving as giving_back
from appservices.payments.refunds.service import refunds as api_refunds
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import OpenPayment, Private
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.texts.views import Party
from veche.contracts.payments.invoice import INVOICE_KEY
from veche.protocol.canonical import canonical
from veche.protocol.errors import ConflictError
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.core.order import InvoiceOrder
    from appservices.payments.invoices.store.invoices import InvoiceFile

logger = logging.getLogger(__name__)

ISSUED_TWICE: Final = "refused"
"""State of which the issuer hears if the number of a notice stands on another invoice already."""


def issue(scene: Conversation, order: InvoiceOrder) -> None:
    """Keep an invoice, and ask its addressee if it has one; a newer version replaces an older."""
    card, person, invoice = order.card, addressee_of(order), keep(scene, order)
    if invoice is None:
        invoices.tell_issuer(scene, order, ISSUED_TWICE, None)
    elif person is None:
        return
    elif invoice_news.is_abroad(scene, invoice):
        invoice_news.tell(scene, invoice, invoice_news.INVOICE)
    elif scene.chat_of(person) is not None:
        ask(scene, card.id, card.version)
    else:
        open_chat(scene, person, invoice=card.id, version=card.version)


def keep(scene: Conversation, order: InvoiceOrder) -> Invoice | None:
    """Keep an invoice that is to be paid; a newer version replaces the one before.

    Returns:
        None: it is not kept, since there is such a one already, or its currency is not kept here.
    """
    card = order.card
    currencies = holders.currencies(scene.txn)
    if card.total.currency not in scene.section.currencies:
        return None
    issuer, person = peers.issuer(scene, card.issuer), addressee_of(order)
    if not _replace(scene, card.id, card.version, issuer.id):
        return None
    invoice = Invoice(
        id=card.id,
        version=card.version,
        payee=issuer.id,
        addressee=peers.payee(scene, person).id if person is not None else None,
        notice_id=card.notice_id,
        ledger=currencies[card.total.currency],
        amount_minor=card.total.minor,
        due_at_ms=card.due_at_ms,
        state=InvoiceState.ISSUED,
    )
    data = order.model_dump(mode="json", exclude_none=True)
    digest = hashlib.sha256(canonical(data["card"], where="invoice")).digest()
    if not store.add_invoice(scene.txn, invoice, digest, scene.vault.seal(data), scene.now_ms):
        return None
    set_due(scene, invoice)
    return invoice


def addressee_of(order: InvoiceOrder) -> UserId | None:
    """Return the person who is asked to pay an invoice; None: anybody who has it."""
    return UserId(order.addressee) if order.addressee is not None else None


def ask(
    scene: Conversation, invoice_id: str, version: int | None = None, payer: UserId | None = None
) -> InvoiceState | None:
    """Ask somebody to pay an invoice, in their chat.

    Args:
        scene: The transaction.
        invoice_id: Of the invoice.
        version: Which; None: the newest.
        payer: Whoever has its reference; None: its addressee, who is there then.

    Returns:
        Its state: only one that is ``ISSUED`` can be paid; None if there is none.
    """
    file = store.lock_invoice(scene.txn, invoice_id, version)
    if file is None or file.invoice.state is not InvoiceState.ISSUED:
        return file.invoice.state if file is not None else None
    invoice, order = file.invoice, invoices.order_of(scene, file)
    card, person = order.card, payer or addressee_of(order)
    assert person is not None, "somebody is asked"  # noqa: S101 -- our bug
    payment = Payment(
        id=scene.sender.fresh_ulid("payment"),
        kind=Kind.INVOICE,
        state=State.ASKED,
        payer=scene.holder(person).id,
        payee=invoice.payee,
        ledger=invoice.ledger,
        amount_minor=invoice.amount_minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        due_at_ms=invoice.due_at_ms,
        invoice=(invoice.id, invoice.version),
    )
    private = Private(
        payer=Party(person, person),
        payee=Party(card.issuer, card.issuer_name),
        currency=card.total.currency,
        reference=card.title,
    )
    details = invoice_doc(card, scene.localizer(person))
    matter = OpenPayment(payment, private, scene.now_ms)
    # Objections go to the issuer's institution; from here there is no way for them yet.
    is_addressee = person == order.addressee and not invoice_news.is_of_peer(scene, invoice)
    paying.begin(scene, matter, details, {INVOICE_KEY: card}, is_addressee=is_addressee)
    return invoice.state


def withdraw(scene: Conversation, invoice_id: str, issuer: str, reason: str | None = None) -> None:
    """Take an invoice back; what was paid of it goes back by itself.

    Args:
        scene: The transaction.
        invoice_id: Of the invoice, in its newest version.
        issuer: Who wants that; nothing happens if it is not theirs.
        reason: Why; told to whoever paid it, or was asked to.
    """
    file = store.lock_invoice(scene.txn, invoice_id)
    if file is None or file.invoice.payee != scene.organisation(issuer).id:
        return
    concerned = _concerned(scene, file)
    try:
        if file.invoice.state is InvoiceState.PAID:
            api_refunds.check_not_by_bank(scene, str(file.invoice.paid_by))
        _, effects = invoices.take_step(scene, file, InvoiceInput.WITHDRAW)
    except ConflictError as e:
        logger.warning("invoice %s is not withdrawn: %s", invoice_id, e)
        return
    card = invoices.order_of(scene, file).card
    for person in concerned:
        room_id = scene.chat_of(person)
        if room_id is not None:
            doc = withdrawn_doc(card, reason, scene.localizer(person))
            scene.tell(room_id, person, doc)
    if InvoiceEffect.REFUND in effects:
        _refund(scene, file)


def _concerned(scene: Conversation, file: InvoiceFile) -> list[UserId]:
    """List the addressee of an invoice, others who are asked to pay it, and its payer."""
    invoice = file.invoice
    waiting = payments.waiting_for_invoice(scene.txn, invoice.id, invoice.version)
    matters = [files.matter_of(scene, one) for one in waiting]
    paid = files.lock(scene, invoice.paid_by) if invoice.paid_by is not None else None
    persons = [one.private.asker.person for one in (*matters, *([paid] if paid else []))]
    addressee = addressee_of(invoices.order_of(scene, file))
    return list(dict.fromkeys(one for one in (addressee, *persons) if one is not None))


def _replace(scene: Conversation, invoice_id: str, version: int, issuer: int) -> bool:
    """Let an older version make room; False if there is nothing to replace in this way."""
    before = store.lock_invoice(scene.txn, invoice_id)
    if before is None:
        return True
    is_newer = before.invoice.payee == issuer and before.invoice.version < version
    if not is_newer:
        return False
    try:
        invoices.take_step(scene, before, InvoiceInput.REPLACE)
    except InvoiceStateError:
        return False
    return True


def _refund(scene: Conversation, file: InvoiceFile) -> None:
    paid = files.lock(scene, str(file.invoice.paid_by))
    assert paid is not None, "what is paid was paid by a payment"  # noqa: S101 -- our bug
    first, private = paid.payment, paid.private
    # What has gone back already, or is set aside by a dispute, does not go back once more.
    left_minor = payments.left_minor(scene.txn, first.id)
    if left_minor <= 0:
        return
    payment = Payment(
        id=scene.sender.fresh_ulid("refund"),
        kind=Kind.REFUND,
        state=State.PAYING,
        payer=first.payee,
        payee=first.payer,
        ledger=first.ledger,
        amount_minor=left_minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        instruction=f"{invoices.BY_WITHDRAWAL} {file.invoice.id}",
        refund_of=first.id,
    )
    back = Private(private.payee, private.payer, private.currency, private.reference)
    giving_back.begin(scene, payment, back)
