"""Tax invoices and credit notes as XML: UBL 2.1 by EN 16931, and by Peppol BIS Billing 3.0.

Peppol wants an electronic address of both sides; without them it is a plain invoice of the European
norm. Names in parentheses (BT-…, BG-…) are those of the norm. Sources: OASIS UBL 2.1; EN 16931-1
and CEN/TS 16931-3-2; Peppol BIS Billing 3.0.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import attrs

from appservices.payments.formats.core.xml import xml_text
from veche.protocol.money import Money, as_decimal_text, minor_digits

if TYPE_CHECKING:
    from appservices.payments.formats.core.xml import Element
    from appservices.payments.tax.core.tax import Amount, Taxed
    from veche.contracts.payments.invoice_tax import Buyer, Endpoint, LineTax

DIGITS_MAX: Final = 2
"""Most decimals of an amount on an invoice of the norm (BR-DEC-…)."""
_NAMESPACE: Final = "urn:oasis:names:specification:ubl:schema:xsd"
CAC: Final = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC: Final = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
EUROPEAN: Final = "urn:cen.eu:en16931:2017"
PEPPOL: Final = f"{EUROPEAN}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PEPPOL_PROCESS: Final = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_ONLINE: Final = "68"
"""An online payment service, by UNCL 4461."""
_PIECE: Final = "C62"
"""One, by UN/ECE Recommendation 20."""
_NO_SUBJECT: Final = "VATEX-EU-O"


@attrs.frozen
class _Form:
    """The names that differ between an invoice and a credit note.

    Attributes:
        root: Name of the document.
        type: Its code by UNCL 1001: a commercial invoice, a credit note.
        quantity: Of a line.
    """

    root: str
    type: str
    quantity: str

    @property
    def namespace(self) -> str:
        """Namespace of the root."""
        return f"{_NAMESPACE}:{self.root}-2"


_INVOICE: Final = _Form("Invoice", "380", "InvoicedQuantity")
_CREDIT_NOTE: Final = _Form("CreditNote", "381", "CreditedQuantity")


@attrs.frozen
class Credits:
    """Which invoice a credit note takes back, or a part of (BG-3).

    Attributes:
        number: Of the invoice.
        issued_at_ms: UTC.
    """

    number: str
    issued_at_ms: int


@attrs.frozen
class Seller:
    """The seller, as a tax invoice names them.

    Attributes:
        id: Name in the log of acts.
        name: What it is called.
        country: ISO 3166-1 code.
        legal_name: In the register; None: as ``name``.
        street: Street with the house number.
        postcode: Postal code of the town.
        town: Of the address.
        vat_id: Number for the value added tax.
        tax_number: Number with the tax office, where there is no other.
        register_id: Number in the register of companies.
        endpoint: Where it takes electronic documents.
        contact: Whom one asks.
        phone: Of them.
        email: Of them.
    """

    id: str
    name: str
    country: str
    legal_name: str | None = None
    street: str | None = None
    postcode: str | None = None
    town: str | None = None
    vat_id: str | None = None
    tax_number: str | None = None
    register_id: str | None = None
    endpoint: Endpoint | None = None
    contact: str | None = None
    phone: str | None = None
    email: str | None = None


@attrs.frozen
class TaxInvoice:
    """The content of a tax invoice, or of a credit note.

    Attributes:
        number: The only one that the seller gives (BT-1).
        issued_at_ms: UTC.
        due_at_ms: UTC.
        time_zone: In which its days are, IANA.
        currency: ISO 4217.
        note: Whatever else it says; empty: nothing.
        reference: By which it is paid.
        seller: Who sells.
        buyer: Who buys.
        taxed: Lines, taxes and totals.
        paid_minor: What is paid of it; of a credit note, paid back.
        credits: Of a credit note: what it takes back.
    """

    number: str
    issued_at_ms: int
    due_at_ms: int
    time_zone: str
    currency: str
    note: str
    reference: str
    seller: Seller
    buyer: Buyer
    taxed: Taxed
    paid_minor: int
    credits: Credits | None = None

    @property
    def is_peppol(self) -> bool:
        """Return whether it can be one of Peppol: both sides have an electronic address."""
        return self.seller.endpoint is not None and self.buyer.endpoint is not None

    @property
    def is_taxable(self) -> bool:
        """Return whether any part is taxable; if not, no tax number may be on it."""
        return any(one.tax.category != "O" for one in self.taxed.groups)


def has_form(currency: str) -> bool:
    """Return whether amounts of a currency can stand on an invoice of the norm."""
    return minor_digits(currency) <= DIGITS_MAX


def _form_of(invoice: TaxInvoice) -> _Form:
    return _INVOICE if invoice.credits is None else _CREDIT_NOTE


def write_invoice(invoice: TaxInvoice) -> bytes:
    """The invoice as XML; the same one gives the same bytes.

    Args:
        invoice: Of a currency that ``has_form``.
    """
    from lxml import etree  # noqa: PLC0415 -- most processes write no invoice

    form = _form_of(invoice)
    names = {None: form.namespace, "cac": CAC, "cbc": CBC}
    root = etree.Element(f"{{{form.namespace}}}{form.root}", nsmap=names)
    _put_head(root, invoice)
    _put_seller(root, invoice)
    _put_buyer(root, invoice)
    means = _add(root, "PaymentMeans")
    _put(means, "PaymentMeansCode", _ONLINE)
    _put(means, "PaymentID", invoice.reference)
    for extra in invoice.taxed.extras:
        _put_extra(root, extra, invoice.currency)
    _put_taxes(root, invoice)
    _put_totals(root, invoice)
    for number, line in enumerate(invoice.taxed.lines, 1):
        _put_line(root, _form_of(invoice), number, line, invoice.currency)
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return data


def _put_head(root: Element, invoice: TaxInvoice) -> None:
    _put(root, "CustomizationID", PEPPOL if invoice.is_peppol else EUROPEAN)
    if invoice.is_peppol:
        _put(root, "ProfileID", PEPPOL_PROCESS)
    _put(root, "ID", invoice.number)
    _put(root, "IssueDate", _day(invoice.issued_at_ms, invoice.time_zone))
    if invoice.credits is None:
        _put(root, "DueDate", _day(invoice.due_at_ms, invoice.time_zone))
    form = _form_of(invoice)
    _put(root, f"{form.root}TypeCode", form.type)
    if invoice.note:
        _put(root, "Note", invoice.note)
    _put(root, "DocumentCurrencyCode", invoice.currency)
    _put(root, "BuyerReference", invoice.buyer.reference or invoice.reference)
    if invoice.credits is not None:
        billed = _add(_add(root, "BillingReference"), "InvoiceDocumentReference")
        _put(billed, "ID", invoice.credits.number)
        _put(billed, "IssueDate", _day(invoice.credits.issued_at_ms, invoice.time_zone))


def _put_seller(root: Element, invoice: TaxInvoice) -> None:
    seller = invoice.seller
    party = _add(_add(root, "AccountingSupplierParty"), "Party")
    _put_endpoint(party, seller.endpoint)
    _put(_add(party, "PartyIdentification"), "ID", seller.id)
    _put(_add(party, "PartyName"), "Name", seller.name)
    _put_address(party, seller.street, seller.town, seller.postcode, seller.country)
    if invoice.is_taxable:
        _put_tax_number(party, seller.vat_id, "VAT")
        _put_tax_number(party, seller.tax_number, "TAX")
    legal = _add(party, "PartyLegalEntity")
    _put(legal, "RegistrationName", seller.legal_name or seller.name)
    if seller.register_id is not None:
        _put(legal, "CompanyID", seller.register_id)
    told = {"Name": seller.contact, "Telephone": seller.phone, "ElectronicMail": seller.email}
    if any(told.values()):
        contact = _add(party, "Contact")
        for name, text in told.items():
            if text is not None:
                _put(contact, name, text)


def _put_buyer(root: Element, invoice: TaxInvoice) -> None:
    buyer = invoice.buyer
    party = _add(_add(root, "AccountingCustomerParty"), "Party")
    _put_endpoint(party, buyer.endpoint)
    _put_address(party, buyer.street, buyer.town, buyer.postcode, buyer.country)
    if invoice.is_taxable:
        _put_tax_number(party, buyer.vat_id, "VAT")
    _put(_add(party, "PartyLegalEntity"), "RegistrationName", buyer.name)


def _put_endpoint(party: Element, endpoint: Endpoint | None) -> None:
    if endpoint is not None:
        _put(party, "EndpointID", endpoint.id, schemeID=endpoint.scheme)


def _put_address(
    party: Element, street: str | None, town: str | None, postcode: str | None, country: str
) -> None:
    address = _add(party, "PostalAddress")
    for name, text in (("StreetName", street), ("CityName", town), ("PostalZone", postcode)):
        if text is not None:
            _put(address, name, text)
    _put(_add(address, "Country"), "IdentificationCode", country)


def _put_tax_number(party: Element, number: str | None, scheme: str) -> None:
    if number is not None:
        entry = _add(party, "PartyTaxScheme")
        _put(entry, "CompanyID", number)
        _put(_add(entry, "TaxScheme"), "ID", scheme)


def _put_extra(root: Element, extra: Amount, currency: str) -> None:
    """Add a charge or allowance on all lines (BG-21, BG-20); its amount is never negative."""
    entry = _add(root, "AllowanceCharge")
    _put(entry, "ChargeIndicator", "true" if extra.gross_minor > 0 else "false")
    _put(entry, "AllowanceChargeReason", extra.text)
    _put_amount(entry, "Amount", abs(extra.net_minor), currency)
    _put_category(entry, "TaxCategory", extra.tax)


def _put_taxes(root: Element, invoice: TaxInvoice) -> None:
    total = _add(root, "TaxTotal")
    _put_amount(total, "TaxAmount", invoice.taxed.tax_minor, invoice.currency)
    for group in invoice.taxed.groups:
        entry = _add(total, "TaxSubtotal")
        _put_amount(entry, "TaxableAmount", group.net_minor, invoice.currency)
        _put_amount(entry, "TaxAmount", group.tax_minor, invoice.currency)
        category = _put_category(entry, "TaxCategory", group.tax)
        scheme = category[-1]
        if group.tax.category == "O":
            scheme.addprevious(_put(category, "TaxExemptionReasonCode", _NO_SUBJECT))
        if group.tax.reason is not None:
            scheme.addprevious(_put(category, "TaxExemptionReason", group.tax.reason))


def _put_totals(root: Element, invoice: TaxInvoice) -> None:
    taxed, currency = invoice.taxed, invoice.currency
    charges = sum(one.net_minor for one in taxed.extras if one.gross_minor > 0)
    allowances = -sum(one.net_minor for one in taxed.extras if one.gross_minor < 0)
    entry = _add(root, "LegalMonetaryTotal")
    _put_amount(entry, "LineExtensionAmount", taxed.lines_minor, currency)
    _put_amount(entry, "TaxExclusiveAmount", taxed.net_minor, currency)
    _put_amount(entry, "TaxInclusiveAmount", taxed.net_minor + taxed.tax_minor, currency)
    for name, minor in (
        ("AllowanceTotalAmount", allowances),
        ("ChargeTotalAmount", charges),
        ("PrepaidAmount", invoice.paid_minor),
        ("PayableRoundingAmount", taxed.rounding_minor),
    ):
        if minor:
            _put_amount(entry, name, minor, currency)
    _put_amount(entry, "PayableAmount", taxed.gross_minor - invoice.paid_minor, currency)


def _put_line(root: Element, form: _Form, number: int, line: Amount, currency: str) -> None:
    """A line (BG-25); a discount is one piece taken away, since no price is negative (BR-27)."""
    entry = _add(root, f"{form.root}Line")
    _put(entry, "ID", str(number))
    _put(entry, form.quantity, "1" if line.net_minor >= 0 else "-1", unitCode=_PIECE)
    _put_amount(entry, "LineExtensionAmount", line.net_minor, currency)
    item = _add(entry, "Item")
    _put(item, "Name", line.text)
    _put_category(item, "ClassifiedTaxCategory", line.tax)
    _put_amount(_add(entry, "Price"), "PriceAmount", abs(line.net_minor), currency)


def _put_category(parent: Element, name: str, tax: LineTax) -> Element:
    category = _add(parent, name)
    _put(category, "ID", tax.category)
    if tax.category != "O":
        _put(category, "Percent", f"{tax.basis_points // 100}.{tax.basis_points % 100:02}")
    _put(_add(category, "TaxScheme"), "ID", "VAT")
    return category


def _put_amount(parent: Element, name: str, minor: int, currency: str) -> None:
    text = as_decimal_text(Money(minor=minor, currency=currency))
    _put(parent, name, text, currencyID=currency)


def _put(parent: Element, name: str, text: str, **attributes: str) -> Element:
    from lxml import etree  # noqa: PLC0415 -- see `write_invoice`

    element = etree.SubElement(parent, f"{{{CBC}}}{name}", attributes)
    element.text = xml_text(text)
    return element


def _add(parent: Element, name: str) -> Element:
    from lxml import etree  # noqa: PLC0415 -- see `write_invoice`

    return etree.SubElement(parent, f"{{{CAC}}}{name}")


def _day(at_ms: int, time_zone: str) -> str:
    return f"{dt.datetime.fromtimestamp(at_ms // 1000, ZoneInfo(time_zone)):%Y-%m-%d}"
