"""The code by which an invoice is paid: a link of ours, or a transfer from a bank that leads here.

Whatever it says, it carries the invoice's own reference, so that the money finds the invoice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.formats.core import emv, epc, gost56042, rf
from appservices.payments.formats.core.emv import EmvPayment, Template
from appservices.payments.formats.core.epc import EPC_VERSION_MAX
from appservices.payments.holders import store as holders
from appservices.payments.invoices.core.invoice import InvoiceState, InvoiceStateError
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service import links as pay_links
from appservices.payments.ledger.core import AccountCode
from appservices.payments.merchants.service.invoices import invoice_of
from appservices.payments.organisations.service.known_people import check_currency
from veche.protocol.errors import ConflictError, MalformedError
from veche.protocol.ids import Ulid
from veche.protocol.money import Money

if TYPE_CHECKING:
    from appservices.payments.config import BankSection
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.store.invoices import InvoiceFile
    from appservices.payments.merchants.api.codes import CodeFormat, NamedCodeQuery
    from veche.api.bearer import OrganisationCaller
    from veche.contracts.payments.invoice import InvoiceCard

EMV_TAG: Final = "26"
EMV_SCHEME: Final = "org.veche"
"""By which our account is named in a merchant's code; beside it stands the invoice's reference."""
_BY_BANK: Final = frozenset({"epc", "gost"})
"""Codes of transfers from a bank, of which nobody is asked first."""
_GOST_OPTIONS: Final = ("gost_account", "gost_bank", "gost_bic", "gost_correspondent")


class NoCodeError(ConflictError):
    """The invoice has no code of this format here; the text says what is missing (HTTP 409)."""

    errcode = "ORG.VECHE.NO_CODE"


@attrs.frozen
class Code:
    """The text of a code, and the greatest size of its picture."""

    payload: str
    version_max: int | None = None


def code_of(
    scene: Conversation, caller: OrganisationCaller, invoice_id: str, format_: CodeFormat
) -> Code:
    """The code of an invoice that can be paid.

    Args:
        scene: The transaction.
        caller: Whose invoice it is.
        invoice_id: Of it, in its newest version.
        format_: Which code.

    Raises:
        NotFoundError: There is no such invoice of theirs.
        InvoiceStateError: It cannot be paid any more.
        NoCodeError: It has no such code here.
        MalformedError: Something of it cannot stand in such a code.
    """
    file = invoice_of(scene, caller, invoice_id)
    if file.invoice.state is not InvoiceState.ISSUED:
        raise InvoiceStateError(file.invoice.state)
    order = invoices.order_of(scene, file)
    card, terms = order.card, order.terms
    if format_ in _BY_BANK and (terms.confirm or terms.quote or terms.shares):
        raise NoCodeError("What is quoted, confirmed or shared is paid here alone: take veche")
    match format_:
        case "veche":
            return Code(pay_links.scanned_url(scene, card))
        case "epc":
            return _epc(scene, file, card)
        case "emv":
            return _emv(scene, caller, card)
        case "gost":
            return _gost(scene, file, card)


def named_code(scene: Conversation, caller: OrganisationCaller, wanted: NamedCodeQuery) -> Code:
    """The code by which an organisation is paid without an invoice, whoever scans it.

    Args:
        scene: The transaction.
        caller: Whose code it is.
        wanted: What of it is not left to the payer.

    Raises:
        NoCodeError: It is not paid by its name here, or there are no pages.
        MalformedError: Something cannot stand in such a code.
    """
    section = scene.section.organisation(caller.id)
    if section is None or not section.is_paid_by_name:
        raise NoCodeError("The operator has to set is_paid_by_name of the organisation")
    amount = None
    if (wanted.minor is None) != (wanted.currency is None):
        raise MalformedError("query.currency", "minor and currency stand together")
    if wanted.minor is not None and wanted.currency is not None:
        check_currency(scene, wanted.currency, "query.currency")
        amount = Money(minor=wanted.minor, currency=wanted.currency)
    link = pay_links.person_url(scene, caller.id, amount, wanted.reference.strip())
    if link is None:
        raise NoCodeError("The institution has no pages, to which such a code leads")
    return Code(link)


def _epc(scene: Conversation, file: InvoiceFile, card: InvoiceCard) -> Code:
    bank = _bank(scene, card, "EUR")
    own = scene.banking.own(bank.name)
    payment = epc.EpcPayment(
        own.name, own.account, card.total.minor, reference=_expected(scene, file, bank)
    )
    return Code(epc.write(payment), EPC_VERSION_MAX)


def _gost(scene: Conversation, file: InvoiceFile, card: InvoiceCard) -> Code:
    bank = _bank(scene, card, "RUB")
    if any(name not in bank.options for name in _GOST_OPTIONS):
        raise NoCodeError(f"The operator has to set {', '.join(_GOST_OPTIONS)} of the bank")
    account, name, bic, correspondent = (bank.options[option] for option in _GOST_OPTIONS)
    # The purpose is what the payee's bank hands on.
    others = {"Purpose": _expected(scene, file, bank)}
    if card.notice_id is not None:
        others["UIN"] = card.notice_id
    payee = scene.section.name_in("ru")
    total_minor = card.total.minor
    payment = gost56042.GostPayment(payee, account, name, bic, correspondent, total_minor, others)
    return Code(gost56042.write(payment))


def _emv(scene: Conversation, caller: OrganisationCaller, card: InvoiceCard) -> Code:
    section = scene.section.organisation(caller.id)
    if section is None or section.city is None or section.country is None:
        raise NoCodeError("The operator has to set city and country of the organisation")
    reference = rf.reference_of(Ulid(card.id))
    template = Template(EMV_TAG, EMV_SCHEME, (("01", reference),))
    payment = EmvPayment(
        name=caller.name[: emv.NAME_CHARACTERS_MAX],
        city=section.city,
        country=section.country,
        currency=card.total.currency,
        amount_minor=card.total.minor,
        templates=(template,),
        reference=reference[-emv.REFERENCE_CHARACTERS_MAX :],
        is_dynamic=True,
    )
    return Code(emv.write(payment))


def _bank(scene: Conversation, card: InvoiceCard, currency: str) -> BankSection:
    if card.total.currency != currency:
        raise NoCodeError(f"This code is for {currency} alone")
    found = next((one for one in scene.section.banks if one.currency == currency), None)
    if found is None:
        raise NoCodeError(f"The institution has no bank in {currency}")
    return found


def _expected(scene: Conversation, file: InvoiceFile, bank: BankSection) -> str:
    """The reference by which money from a bank leads to the issuer, and pays the invoice."""
    invoice = file.invoice
    code = AccountCode.MERCHANT
    account = holders.keep_account(scene.txn, invoice.payee, invoice.ledger, code)
    return scene.banking.expect(
        scene.txn,
        bank.name,
        account.id,
        Ulid(invoice.id),
        scene.now_ms,
        amount_minor=invoice.amount_minor,
    )
