"""Codes that were scanned or pasted, and those that one shows to be paid.

A code that was read pays nothing: it leads to a form or to an invoice, and what is paid in the end
is what the approval shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.banks.service.start import DEMO
from appservices.payments.conversation.service.naming import organisation_named
from appservices.payments.formats.core import (
    EmvPayment,
    EpcPayment,
    GostPayment,
    PayLink,
    PersonLink,
    SbpLink,
    Scanned,
    read_code,
    rf,
)
from appservices.payments.formats.core.epc import EPC_VERSION_MAX
from appservices.payments.formats.core.links import is_sbp
from appservices.payments.formats.core.plain import CODE_CHARACTERS_MAX, decimal_text
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service.links import drawn, hash_of, person_url
from appservices.payments.invoices.store import invoices as invoice_store
from appservices.payments.organisations import store as events
from appservices.payments.topups.service import topups
from appservices.payments.wallet.api import (
    CodeView,
    FactView,
    PartyView,
    RequestView,
    TopUpsView,
    TopUpView,
)
from appservices.payments.wallet.service.orders import read_typed
from appservices.payments.wallet.texts import (
    Trouble,
    by_bank,
    code_facts,
    not_from_here,
    whoever_made_it,
)
from veche.protocol.errors import MalformedError, NotFoundError
from veche.runtime.files.qr_codes import draw_svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from appservices.payments.wallet.api import RequestBody
    from appservices.payments.wallet.service.visit import Visit

_KNOWN: Final = ("BCD", "000201", "ST0001", "https://", "http://localhost", "upi:")
"""How the codes begin that are known; what begins like one and is not is damaged or altered."""
_LINKS: Final = ("https://", "http://localhost")
_PAY_PAGE: Final = "/pay"
_RUBLES: Final = "RUB"
_RUPEES: Final = "INR"


def is_code(text: str) -> bool:
    """Return whether a text begins as a code does, be it damaged or not."""
    return text.startswith(_KNOWN)


def is_payable(text: str) -> bool:
    """The same, without links that lead to other pages than those of paying."""
    is_other_page = text.startswith(_LINKS) and not (_PAY_PAGE in text or is_sbp(text))
    return is_code(text) and not is_other_page


def read(visit: Visit, text: str) -> CodeView:
    """Read the request in a code, and how to pay it from here.

    Args:
        visit: Whoever scanned it; it needs nobody who is signed in.
        text: Of the code.

    Raises:
        PaymentRefusedError: It is of no known kind, damaged, altered, or not for here.
        NotFoundError: The invoice of its link is not there.
    """
    typed = text.strip()
    try:
        scanned = read_code(typed)
    except MalformedError as e:
        is_known = is_payable(typed) and len(typed) <= CODE_CHARACTERS_MAX
        trouble = Trouble.CODE_BROKEN if is_known else Trouble.CODE_UNKNOWN
        raise visit.refused(trouble) from e
    if isinstance(scanned, PayLink | PersonLink):
        return _link(visit, scanned)
    paid_here = _invoice_named(visit, scanned)
    if paid_here is not None:
        return paid_here
    if isinstance(scanned, EpcPayment):
        return _account(visit, scanned)
    return _other(visit, scanned)


def request(visit: Visit, wanted: RequestBody) -> RequestView:
    """The link and the code by which the person is paid.

    Raises:
        PaymentRefusedError: The amount or the reference will not do.
        NotFoundError: There are no pages here, so there is no link.
    """
    amount = None
    if wanted.amount.strip():
        amount = read_typed(visit, wanted.amount, wanted.currency)
    link = person_url(visit.scene, visit.person, amount, wanted.reference.strip())
    if link is None:
        raise NotFoundError("there are no pages here")
    return RequestView(link=link, code=drawn(link))


def top_ups(visit: Visit) -> TopUpsView:
    """The ways by which money comes in from banks."""
    ways = []
    for bank in visit.scene.section.banks:
        own = visit.scene.banking.own(bank.name)
        reference = topups.reference_for(visit.scene, visit.person, bank)
        text = topups.code_of(bank, own, reference)
        code = None
        if text is not None:
            code = draw_svg(text, version_max=EPC_VERSION_MAX).decode()
        ways.append(
            TopUpView(
                bank=bank.name,
                owner=own.name,
                account=own.account,
                reference=reference,
                currency=bank.currency,
                code=code,
                is_play_money=bank.rail == DEMO,
            )
        )
    return TopUpsView(ways=ways)


def _link(visit: Visit, link: PayLink | PersonLink) -> CodeView:
    links = visit.scene.links
    if links is None or link.server != links.host:
        raise visit.refused(Trouble.CODE_ELSEWHERE, server=link.server)
    if isinstance(link, PayLink):
        return _to_invoice(f"{link.invoice_id}.{link.version}.{link.hash}")
    amount = ""
    if link.amount_minor is not None:
        amount = decimal_text(link.amount_minor, link.currency)
    merchant = organisation_named(visit.scene.section, link.person)
    if merchant is None and not link.person.startswith("@"):
        raise visit.refused(Trouble.CODE_BROKEN)
    return CodeView(
        kind="person",
        payee=PartyView(
            address=link.person, name=merchant.name_in(visit.language) if merchant else ""
        ),
        amount=amount,
        currency=link.currency,
        reference=link.reference,
        words=whoever_made_it(visit.localizer),
    )


def _invoice_named(visit: Visit, scanned: Scanned) -> CodeView | None:
    """The invoice of ours whose reference a code of some other format carries, if it does."""
    txn = visit.scene.txn
    for reference in filter(rf.is_reference, _references(scanned)):
        invoice_id = events.invoice_of_reference(txn, rf.read(reference))
        file = invoice_store.newest(txn, invoice_id) if invoice_id is not None else None
        if file is None:
            continue
        card = invoices.order_of(visit.scene, file).card
        minor, currency = _amount(scanned)
        if minor is not None and (minor, currency) != (card.total.minor, card.total.currency):
            raise visit.refused(Trouble.CODE_ALTERED)
        return _to_invoice(f"{card.id}.{card.version}.{hash_of(card)}")
    return None


def _references(scanned: Scanned) -> Iterable[str]:
    if isinstance(scanned, EpcPayment):
        return (scanned.reference, scanned.text)
    if isinstance(scanned, EmvPayment):
        return (scanned.reference,)
    return scanned.others.values() if isinstance(scanned, GostPayment) else ()


def _amount(scanned: Scanned) -> tuple[int | None, str]:
    if isinstance(scanned, EpcPayment):
        return scanned.amount_minor, topups.EPC_CURRENCY
    if isinstance(scanned, EmvPayment):
        return scanned.amount_minor, scanned.currency
    if isinstance(scanned, GostPayment | SbpLink):
        return scanned.sum_minor, _RUBLES
    return getattr(scanned, "amount_minor", None), _RUPEES


def _account(visit: Visit, code: EpcPayment) -> CodeView:
    """A code with the number of an account at a bank: a payout."""
    section = visit.scene.section
    if visit.scene.banking.is_own(code.iban):
        raise visit.refused(Trouble.CODE_OURS)
    if topups.EPC_CURRENCY not in {one.currency for one in section.banks}:
        return _other(visit, code)
    return CodeView(
        kind="bank",
        payee=PartyView(address=code.iban, name=code.name),
        amount=_typed(code.amount_minor, topups.EPC_CURRENCY),
        currency=topups.EPC_CURRENCY,
        reference=code.reference or code.text,
        facts=_named(visit, {"note": code.note, "bic": code.bic}),
        words=by_bank(visit.localizer),
    )


def _other(visit: Visit, scanned: Scanned) -> CodeView:
    minor, currency = _amount(scanned)
    return CodeView(
        kind="other",
        amount=_typed(minor, currency),
        currency=currency,
        facts=_named(visit, _facts(scanned)),
        words=not_from_here(visit.localizer),
    )


def _named(visit: Visit, facts: Mapping[str, str]) -> list[FactView]:
    return [FactView(name=name, value=value) for name, value in code_facts(facts, visit.localizer)]


def _facts(scanned: Scanned) -> Mapping[str, str]:
    if isinstance(scanned, EpcPayment):
        return {
            "name": scanned.name,
            "account": scanned.iban,
            "reference": scanned.reference or scanned.text,
        }
    if isinstance(scanned, EmvPayment):
        return {
            "name": scanned.name,
            "city": scanned.city,
            "country": scanned.country,
            "reference": scanned.reference,
            "scheme": ", ".join(one.scheme for one in scanned.templates),
        }
    if isinstance(scanned, GostPayment):
        return {
            "name": scanned.name,
            "account": scanned.account,
            "bank": scanned.bank,
            "bic": scanned.bic,
            "note": scanned.others.get("Purpose", ""),
        }
    if isinstance(scanned, SbpLink):
        return {"scheme": "SBP", "bank": scanned.bank}
    return {"scheme": "UPI", "name": getattr(scanned, "name", "")}


def _to_invoice(fragment: str) -> CodeView:
    return CodeView(kind="invoice", link=fragment)


def _typed(minor: int | None, currency: str) -> str:
    return "" if minor is None else decimal_text(minor, currency)
