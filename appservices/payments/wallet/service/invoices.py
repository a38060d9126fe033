"""Invoices on pages: shown to whoever has the link, and to be paid by whoever signs in."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from appservices.payments.formats.core import rf
from appservices.payments.invoices.core.invoice import PAID_STATES, InvoiceState, status_of
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service.links import drawn, hash_of, pay_url, scanned_url
from appservices.payments.invoices.store import invoices as store
from appservices.payments.invoices.texts.invoice import line_words
from appservices.payments.merchants.service import invoicing
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.texts.paying import INVOICE_OVER, INVOICE_PAID, over_words
from appservices.payments.wallet.api import InvoiceView, LineView, LinkBody, PartyView
from appservices.payments.wallet.service.visit import PaymentRefusedError
from appservices.payments.wallet.texts import Trouble, trouble_words
from veche.protocol.errors import NotFoundError
from veche.protocol.ids import Ulid

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.core.invoice import InvoiceStatus
    from appservices.payments.invoices.store.invoices import InvoiceFile
    from appservices.payments.wallet.service.visit import Visit
    from veche.protocol.texts.localizer import Localizer

_TROUBLES: Final = {
    InvoiceState.OBJECTED: Trouble.INVOICE_OBJECTED,
    InvoiceState.REPLACED: Trouble.INVOICE_REPLACED,
}


def linked(scene: Conversation, link: LinkBody, localizer: Localizer) -> InvoiceView:
    """The invoice that a link leads to, for whoever has the link.

    Raises:
        NotFoundError: There is none, or the link does not carry its hash: the two look alike.
    """
    return invoice_view(scene, _linked(scene, link, localizer), localizer)


def status(scene: Conversation, link: str, localizer: Localizer) -> InvoiceStatus:
    """Return the status of an invoice to anybody who has its link.

    Args:
        scene: The transaction.
        link: What stands behind ``#`` in it.
        localizer: Of a refusal.

    Raises:
        NotFoundError: As ``linked``; also where it is no link.
    """
    parts = dict(zip(("invoice", "version", "hash"), link.split(".", 2), strict=False))
    try:
        found = LinkBody.model_validate_strings(parts)
    except ValidationError as e:
        raise NotFoundError(trouble_words(Trouble.NO_INVOICE, localizer)) from e
    return status_of(_linked(scene, found, localizer).invoice, scene.now_ms)


def ask(visit: Visit, link: LinkBody) -> None:
    """Ask the person in their chat to pay an invoice whose link they have.

    Raises:
        NotFoundError: As ``linked``.
        PaymentRefusedError: It cannot be paid.
    """
    invoicing.ask(visit.scene, *_payable(visit, link), payer=visit.person)


def pay(visit: Visit, link: LinkBody) -> str:
    """The same, where they are not asked yet; the id of the payment.

    Raises:
        NotFoundError: As ``linked``.
        PaymentRefusedError: It cannot be paid.
    """
    scene, key = visit.scene, _payable(visit, link)
    known = payments.open_of_invoice(scene.txn, visit.holder.id, *key)
    if known is not None:
        return known
    invoicing.ask(scene, *key, payer=visit.person)
    made = payments.open_of_invoice(scene.txn, visit.holder.id, *key)
    if made is None:  # between the look and the lock somebody else paid it
        raise PaymentRefusedError(INVOICE_OVER, over_words(INVOICE_OVER, visit.localizer))
    return made


def invoice_view(scene: Conversation, file: InvoiceFile, localizer: Localizer) -> InvoiceView:
    """An invoice in words and numbers; who is asked to pay it is not among them."""
    invoice, card = file.invoice, invoices.order_of(scene, file).card
    return InvoiceView(
        id=invoice.id,
        version=invoice.version,
        state=invoice.state.value,
        issuer=PartyView(address=card.issuer, name=card.issuer_name),
        title=card.title,
        notice_id=card.notice_id,
        lines=[
            LineView(text=line_words(line, localizer), amount=line.amount) for line in card.lines
        ],
        total=card.total,
        due_at_ms=invoice.due_at_ms,
        law=card.law,
        appeal=card.appeal,
        reference=rf.reference_of(Ulid(invoice.id)),
        link=pay_url(scene, card),
        code=drawn(scanned_url(scene, card)),
        refusal=refusal(scene, file, localizer),
    )


def refusal(scene: Conversation, file: InvoiceFile, localizer: Localizer) -> str | None:
    """Why an invoice cannot be paid, in words; None if it can."""
    state = file.invoice.state
    if state in PAID_STATES:
        return over_words(INVOICE_PAID, localizer)
    if state in _TROUBLES:
        return trouble_words(_TROUBLES[state], localizer)
    is_late = file.invoice.due_at_ms <= scene.now_ms
    return (
        over_words(INVOICE_OVER, localizer) if is_late or state is not InvoiceState.ISSUED else None
    )


def _payable(visit: Visit, link: LinkBody) -> tuple[str, int]:
    """Id and version of an invoice that can be paid now."""
    file = _linked(visit.scene, link, visit.localizer)
    why = refusal(visit.scene, file, visit.localizer)
    if why is not None:
        raise PaymentRefusedError(file.invoice.state.value, why)
    return file.invoice.id, file.invoice.version


def _linked(scene: Conversation, link: LinkBody, localizer: Localizer) -> InvoiceFile:
    file = store.invoice(scene.txn, link.invoice, link.version)
    known = hash_of(invoices.order_of(scene, file).card) if file is not None else ""
    # Compared in constant time, and the same words for both: nothing is found out by trying.
    if file is None or not hmac.compare_digest(known, link.hash):
        raise NotFoundError(trouble_words(Trouble.NO_INVOICE, localizer))
    return file
