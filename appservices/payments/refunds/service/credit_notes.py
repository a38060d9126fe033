"""Credit notes of tax invoices: what refunds took back of them, made when somebody wants one.

A credit note is kept as it was made first. Those of earlier refunds of the invoice are made with
it, so that their numbers are in the order in which the money went back.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.payments.invoices.service import tax_invoices
from appservices.payments.invoices.service.tax_invoices import NoTaxInvoiceError
from appservices.payments.invoices.store import invoices
from appservices.payments.refunds.store import credit_notes as store
from appservices.payments.tax.core import ubl
from appservices.payments.tax.core.credit import credited, fits
from appservices.payments.tax.core.tax import Amount, taxed
from appservices.payments.tax.core.ubl import Credits
from appservices.payments.transfers.core.payment import Kind
from appservices.payments.transfers.store import payments
from veche.contracts.payments.invoice_tax import LineTax
from veche.protocol.errors import MalformedError, NotFoundError
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.store.invoices import InvoiceFile
    from appservices.payments.refunds.api import RefundBody
    from appservices.payments.refunds.store.credit_notes import Refunded
    from appservices.payments.tax.core.ubl import TaxInvoice
    from appservices.payments.transfers.service.files import OpenPayment

INVOICE: Final = "invoice"
CREDIT_NOTE: Final = "credit-note"
_PART: Final = "Given back in part"


def for_organisation(scene: Conversation, file: InvoiceFile, refund_id: str) -> bytes:
    """The credit note of a refund of an invoice of an organisation that asks, as UBL.

    Raises:
        NotFoundError: There is no such refund of it that is paid.
        NoTaxInvoiceError: The invoice has no tax invoice, or nothing of it was given back.
    """
    return _write(scene, file, tax_invoices.made(scene, file), refund_id)


def for_payer(scene: Conversation, matter: OpenPayment) -> bytes:
    """The credit note of what somebody got back, as UBL.

    Args:
        scene: The transaction.
        matter: A refund; who asks has got it.

    Raises:
        NoTaxInvoiceError: It is of no invoice that has a tax invoice.
        NotFoundError: It is not paid yet.
    """
    file, invoice = invoice_of_refund(scene, matter)
    return _write(scene, file, invoice, matter.payment.id)


def paper_of(scene: Conversation, matter: OpenPayment) -> tuple[str, bytes]:
    """The paper of a payment for its payer: what its file is called, and the UBL.

    Of what was given back that is the credit note, of everything else the tax invoice.

    Raises:
        RefusedError: It has none.
    """
    if matter.payment.kind is Kind.REFUND:
        return CREDIT_NOTE, for_payer(scene, matter)
    return INVOICE, tax_invoices.for_payer(scene, matter)


def invoice_of_refund(scene: Conversation, matter: OpenPayment) -> tuple[InvoiceFile, TaxInvoice]:
    """The invoice that a refund gives something back of, with its tax invoice.

    Raises:
        NoTaxInvoiceError: It is of none that has one.
    """
    first = payments.payment(scene.txn, matter.payment.refund_of or "")
    named = first.payment.invoice if first is not None else None
    file = invoices.invoice(scene.txn, *named) if named is not None else None
    if file is None:
        raise NoTaxInvoiceError("Only what an organisation gives back has a credit note")
    return file, tax_invoices.made(scene, file)


def check_lines(scene: Conversation, file: InvoiceFile, body: RefundBody) -> None:
    """Refuse lines of a refund that its credit note could not have.

    Raises:
        MalformedError: They do not make the amount, or at a rate more than is left of the invoice.
    """
    if body.lines is None:
        return
    invoice = tax_invoices.made(scene, file)
    wanted = [Amount(one.text, one.amount.minor, one.tax) for one in body.lines if one.tax]
    is_whole = len(wanted) == len(body.lines)
    is_one = all(one.amount.currency == body.amount.currency for one in body.lines)
    before = [one for _, _, lines in _made(scene, file, invoice).values() for one in lines]
    if not is_whole or not is_one or not fits(invoice.taxed, before, body.amount.minor, wanted):
        raise MalformedError(
            "body.lines",
            "should have the amount as their sum, and at each rate no more than is left of the"
            " invoice",
        )


def _write(scene: Conversation, file: InvoiceFile, invoice: TaxInvoice, refund_id: str) -> bytes:
    made = _made(scene, file, invoice)
    if refund_id not in made:
        raise NotFoundError("There is no such refund of this invoice, or it is not paid yet")
    refund, n, lines = made[refund_id]
    if not lines:
        raise NoTaxInvoiceError("Nothing of the invoice was given back by it")
    found = taxed(lines)
    credit = attrs.evolve(
        invoice,
        number=f"{invoice.number}-C{n}",
        issued_at_ms=refund.at_ms,
        taxed=found,
        paid_minor=found.gross_minor,
        credits=Credits(invoice.number, invoice.issued_at_ms),
    )
    return ubl.write_invoice(credit)


def _made(
    scene: Conversation, file: InvoiceFile, invoice: TaxInvoice
) -> dict[str, tuple[Refunded, int, Sequence[Amount]]]:
    """All credit notes of an invoice, by their refunds; those that are missing are made now."""
    paid_by = str(file.invoice.paid_by)
    found = store.refunds(scene.txn, paid_by) if file.invoice.paid_by is not None else []
    kept = {one.payment_id: _opened(scene, one.sealed) for one in found if one.sealed is not None}
    before = [line for lines in kept.values() for line in lines]
    numbers = count(len(kept) + 1)
    made: dict[str, tuple[Refunded, int, Sequence[Amount]]] = {}
    for one in found:
        if one.n is not None:
            made[one.payment_id] = (one, one.n, kept[one.payment_id])
            continue
        wanted = _wanted(scene, one.reason)
        lines = credited(invoice.taxed, before, one.amount_minor, wanted, _PART)
        before += lines
        n = next(numbers)
        sealed = scene.vault.seal({"lines": [_closed(line) for line in lines]})
        store.add(scene.txn, one.payment_id, paid_by, n, sealed, scene.now_ms)
        made[one.payment_id] = (one, n, lines)
    return made


def _wanted(scene: Conversation, reason: bytes | None) -> list[Amount]:
    """For which lines an organisation gave something back, if it said so."""
    told = scene.vault.open(reason).get("lines") if reason is not None else None
    return [_amount(one) for one in told or ()]


def _opened(scene: Conversation, sealed: bytes) -> list[Amount]:
    return [_amount(one) for one in scene.vault.open(sealed)["lines"]]


def _amount(told: Any) -> Amount:
    text, minor, tax = told
    return Amount(text, minor, parse(LineTax, tax))


def _closed(line: Amount) -> list[Any]:
    return [line.text, line.gross_minor, line.tax.model_dump(mode="json")]


def lines_of(body: RefundBody) -> list[list[Any]]:
    """The lines of a refund as they are sealed with its reason."""
    wanted = body.lines or ()
    return [_closed(Amount(one.text, one.amount.minor, one.tax)) for one in wanted if one.tax]
