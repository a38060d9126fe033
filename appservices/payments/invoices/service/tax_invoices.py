"""Tax invoices of what organisations ask to be paid, or were paid: made when somebody wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.formats.core import rf
from appservices.payments.invoices.core.invoice import PAID_STATES, InvoiceState
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.store import invoices as store
from appservices.payments.tax.core import ubl
from appservices.payments.tax.core.tax import Amount, taxed
from appservices.payments.tax.core.ubl import Seller, TaxInvoice
from appservices.payments.transfers.service import files
from appservices.payments.transfers.store import payments
from veche.contracts.payments.invoice_tax import Buyer, LineTax
from veche.protocol.approval import NAME_CHARACTERS_MAX, showable
from veche.protocol.errors import ConflictError
from veche.protocol.ids import Ulid
from veche.protocol.money import Money, as_decimal_text

if TYPE_CHECKING:
    from appservices.payments.config import OrganisationSection
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.core.order import InvoiceOrder
    from appservices.payments.invoices.store.invoices import InvoiceFile
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.contracts.payments.invoice import InvoiceCard

MIMETYPE: Final = "application/xml"
_LIVE: Final = frozenset({InvoiceState.ISSUED, InvoiceState.OBJECTED, *PAID_STATES})
_PUBLIC: Final = LineTax(category="O", reason="Not subject to VAT")
"""What an office asks for by law is no sale, unless it says otherwise."""
_ON_TOP: Final = "Delivery and other costs"
_LESS: Final = "Not delivered"


class NoTaxInvoiceError(ConflictError):
    """There is no tax invoice of this invoice; the text says what is missing (HTTP 409)."""

    errcode = "ORG.VECHE.NO_TAX_INVOICE"


def for_organisation(scene: Conversation, file: InvoiceFile) -> bytes:
    """The tax invoice of an invoice of an organisation that asks, as UBL.

    Raises:
        NoTaxInvoiceError: It has none, or is over.
    """
    return ubl.write_invoice(made(scene, file))


def for_payer(scene: Conversation, matter: OpenPayment) -> bytes:
    """The tax invoice of what a payment is of, as UBL.

    Args:
        scene: The transaction.
        matter: A payment; who asks pays it, or paid.

    Raises:
        NoTaxInvoiceError: It is of no invoice, or that has none.
    """
    payment = matter.payment
    file = store.invoice(scene.txn, *payment.invoice) if payment.invoice is not None else None
    # Whoever has its reference may pay it, but learns only then what else it says of the buyer.
    is_theirs = file is not None and (
        file.invoice.paid_by == payment.id or file.invoice.addressee == payment.payer
    )
    if file is None or not is_theirs:
        raise NoTaxInvoiceError("Only what an organisation sends an invoice for has a tax invoice")
    return ubl.write_invoice(made(scene, file))


def made(scene: Conversation, file: InvoiceFile) -> TaxInvoice:
    """The tax invoice of an invoice.

    Raises:
        NoTaxInvoiceError: It has none, or is over.
    """
    order, state = invoices.order_of(scene, file), file.invoice.state
    if state not in _LIVE and not _was_paid(file):
        raise NoTaxInvoiceError(f"The invoice is {state.value}")
    section = scene.section.organisation(order.card.issuer)
    if section is None or section.country is None:
        raise NoTaxInvoiceError("The operator has to set the country of the organisation")
    if not ubl.has_form(order.card.total.currency):
        raise NoTaxInvoiceError("The European norm has no amounts with three decimals")
    return _invoice(scene, file, order, section)


def _was_paid(file: InvoiceFile) -> bool:
    """Return whether the money arrived, even if it was refunded: then a credit note follows."""
    is_withdrawn = file.invoice.state is InvoiceState.WITHDRAWN
    return file.invoice.paid_by is not None and (
        is_withdrawn or file.invoice.state is InvoiceState.PAID
    )


def _invoice(
    scene: Conversation, file: InvoiceFile, order: InvoiceOrder, section: OrganisationSection
) -> TaxInvoice:
    card, seller = order.card, _seller(section, order.card)
    paid = _paid(scene, file)
    extra_minor, tip_minor = 0, 0
    if paid is not None:
        tip_minor = paid.payment.tip_minor
        extra_minor = paid.payment.amount_minor - tip_minor - card.total.minor
    lines = [Amount(one.text, one.amount.minor, one.tax or _PUBLIC) for one in card.lines]
    found = taxed(lines, extra_minor, _ON_TOP if extra_minor > 0 else _LESS)
    return TaxInvoice(
        number=card.notice_id or card.id,
        issued_at_ms=file.issued_at_ms,
        due_at_ms=file.invoice.due_at_ms,
        time_zone=scene.section.time_zone,
        currency=card.total.currency,
        note=_note(card, tip_minor),
        reference=rf.reference_of(Ulid(card.id)),
        seller=seller,
        buyer=order.buyer or _whoever_pays(order, paid, seller),
        taxed=found,
        paid_minor=found.gross_minor if _was_paid(file) else 0,
    )


def _seller(section: OrganisationSection, card: InvoiceCard) -> Seller:
    taxes = [one.tax for one in card.lines]
    if None in taxes and not section.is_office():
        raise NoTaxInvoiceError("The invoice does not say which tax is in its lines")
    is_taxable = any(one is not None and one.category != "O" for one in taxes)
    seller = section.seller(card.issuer_name)
    if is_taxable and seller.vat_id is None and seller.tax_number is None:
        raise NoTaxInvoiceError("The operator has to set vat_id or tax_number of the organisation")
    return seller


def _paid(scene: Conversation, file: InvoiceFile) -> OpenPayment | None:
    paid_by = file.invoice.paid_by
    is_paying = file.invoice.state in PAID_STATES
    if paid_by is None or not (is_paying or _was_paid(file)):
        return None
    kept = payments.payment(scene.txn, paid_by)
    return files.matter_of(scene, kept) if kept is not None else None


def _whoever_pays(order: InvoiceOrder, paid: OpenPayment | None, seller: Seller) -> Buyer:
    """A person of whom nothing is known but how they are called: a sale where the seller is."""
    name = showable(paid.private.payer.name)[:NAME_CHARACTERS_MAX] if paid is not None else ""
    buyer = name.strip() or (paid.private.payer.address if paid is not None else order.addressee)
    if buyer is None:
        raise NoTaxInvoiceError("Whoever pays it is its buyer, and nobody has yet")
    return Buyer(name=buyer, country=seller.country)


def _note(card: InvoiceCard, tip_minor: int) -> str:
    words = [card.title, card.law or ""]
    if tip_minor:
        tip = as_decimal_text(Money(minor=tip_minor, currency=card.total.currency))
        # A gift is no part of the price: it stands in no total.
        words.append(f"Paid besides as a tip: {tip} {card.total.currency}")
    return "\n".join(one for one in words if one)
