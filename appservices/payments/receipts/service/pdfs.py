"""Receipts as PDF: made in a thread, and sealed where the institution has a seal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as store
from appservices.payments.receipts.service import proofs as proving
from appservices.payments.receipts.texts import receipt_page
from appservices.payments.typesetting import typeset
from veche.protocol.canonical import canonical
from veche.runtime.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation, Parts
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.texts.localizer import Localizer


@attrs.frozen
class ReceiptPage:
    """The parts of a receipt, for use outside of a transaction.

    Attributes:
        payment_id: Id of the payment.
        signed: The receipt that proves it, canonical JSON.
        shown: What the PDF shows beside it.
    """

    payment_id: str
    signed: bytes
    shown: Mapping[str, Any]


def read_receipt(scene: Conversation, matter: OpenPayment, localizer: Localizer) -> ReceiptPage:
    """The receipt of a payment that was made, with the published head if there is one.

    Raises:
        NotFoundError: There is no such transfer.
    """
    of = matter.payment.invoice
    file = store.invoice(scene.txn, *of) if of is not None else None
    lines = invoices.order_of(scene, file).card.lines if file is not None else ()
    institution = scene.section.name_in(localizer.language)
    shown = receipt_page(matter.view, lines, institution, localizer)
    return ReceiptPage(matter.payment.id, canonical(proving.again(scene, matter)), shown)


async def make_receipt(parts: Parts, page: ReceiptPage, now_ms: int) -> bytes:
    """The same as a PDF.

    Args:
        parts: Of the institution.
        page: What it is made of.
        now_ms: Date of the PDF, UTC.

    Raises:
        UnavailableError: The service of signing does not answer.
        SealError: It seals nothing for the institution.
    """
    reactor = parts.host.reactor
    data = {**page.shown, "receipt": page.signed.decode()}
    make = partial(typeset, "receipts/receipt.typ", data, now_ms)
    made: bytes = await in_thread(reactor, make)
    if parts.sealer is None:
        return made
    return await parts.sealer.seal(made, page.payment_id, now_ms)
