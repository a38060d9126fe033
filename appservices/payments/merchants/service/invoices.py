"""HTTP operations of organisations: invoices made and cancelled, events."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from appservices.payments.acts import service as acting
from appservices.payments.formats.core import rf
from appservices.payments.invoices.core.invoice import InvoiceState, InvoiceStateError
from appservices.payments.invoices.core.order import InvoiceOrder, InvoiceTerms
from appservices.payments.invoices.core.shares import passed_on
from appservices.payments.invoices.service import invoices
from appservices.payments.invoices.service.links import pay_url
from appservices.payments.invoices.store import invoices as store
from appservices.payments.merchants.service import invoicing
from appservices.payments.organisations import store as events
from appservices.payments.organisations.service.known_people import check_currency, check_person
from appservices.payments.organisations.service.news import EVENT
from appservices.payments.peers.service import peers
from appservices.payments.refunds.service import refunds as api_refunds
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.store import payments
from veche.acts import spend
from veche.contracts.payments.invoice import InvoiceCard
from veche.contracts.payments.invoice_api import InvoiceView, invoice_form
from veche.protocol.acts import ActClass
from veche.protocol.errors import (
    MalformedError,
    NotFoundError,
    RefusedError,
)
from veche.protocol.ids import Ulid, UserId, ulid
from veche.protocol.money import MINOR_MAX, Money
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.store.invoices import InvoiceFile
    from appservices.payments.organisations.service.known_people import Strangers
    from veche.api.bearer import OrganisationCaller
    from veche.contracts.payments.invoice_api import InvoiceBody
    from veche.protocol.acts import ActReceipt

logger = logging.getLogger(__name__)

DUE_MS_MAX: Final = 366 * 24 * 60 * 60 * 1000
"""Longest time in which an invoice can be paid."""
_OVER: Final = frozenset({InvoiceState.WITHDRAWN, InvoiceState.EXPIRED, InvoiceState.REPLACED})


def make_invoice(
    scene: Conversation, caller: OrganisationCaller, body: InvoiceBody, strangers: Strangers
) -> InvoiceView:
    """Make an invoice; its addressee is asked to pay it, or else nobody yet.

    Args:
        scene: The transaction.
        caller: Whose it is.
        body: What they ask.
        strangers: Who of those it names has no account here.

    Raises:
        MalformedError: Something of it is out of bounds; the field is named.
        RefusedError: Another live invoice has its number of a notice.
        SplitError: Its shares cannot be divided so.
        ActRequiredError: It is an office's, without an act for exactly this.
    """
    check_currency(scene, body.lines[0].amount.currency, "body.lines")
    if not scene.now_ms < body.due_at_ms <= scene.now_ms + DUE_MS_MAX:
        raise MalformedError("body.due_at_ms", "should be within the next 366 days")
    if body.addressee is None:
        _check_open(scene, caller)
    elif is_elsewhere(scene, body.addressee):
        _check_abroad(scene, body, body.addressee)
    else:
        check_person(scene, body.addressee, "body.addressee", strangers)
    order = _order(scene, caller, body, _act(scene, caller, body))
    _check_terms(scene, order)
    invoicing.issue(scene, order)
    file = store.lock_invoice(scene.txn, order.card.id)
    if file is None:
        raise RefusedError("Another invoice has this notice_id already")
    events.keep_reference(scene.txn, rf.reference_of(Ulid(order.card.id)), order.card.id)
    logger.info("invoice %s of %s is made", order.card.id, caller.id)
    return view_of(scene, file)


def is_elsewhere(scene: Conversation, address: str) -> bool:
    """Return whether somebody is of another institution that there is an agreement with."""
    return peers.peer_of(scene, address) is not None


def _check_open(scene: Conversation, caller: OrganisationCaller) -> None:
    """Refuse an invoice to nobody in particular from whoever acts on persons.

    Raises:
        MalformedError: It is an office's: its act needs the person whom it concerns.
    """
    if acting.is_office(scene, caller.id):
        raise MalformedError("body.addressee", "an office names the person whom it asks")


def _check_abroad(scene: Conversation, body: InvoiceBody, addressee: str) -> None:
    """Refuse what cannot be asked of somebody of another institution.

    Raises:
        MalformedError: Its people do not pay in this currency, or the invoice asks for more than to
            be paid as it stands.
    """
    peer = peers.peer_of(scene, addressee)
    currency = body.lines[0].amount.currency
    if peer is None or peer.they_owe_minor(currency) is None:
        raise MalformedError("body.lines", "their institution pays nothing in this currency")
    more = {
        "confirm": body.confirm,
        "tips": bool(body.tips),
        "quote": bool(body.quote),
        "shares": bool(body.shares),
    }
    for name, is_asked in more.items():
        if is_asked:
            raise MalformedError(f"body.{name}", "only for people of this institution")


def _act(scene: Conversation, caller: OrganisationCaller, body: InvoiceBody) -> ActReceipt | None:
    """Spend the act by which an office asks a person to pay; its receipt, which they get."""
    if body.addressee is None:
        return None
    form, person = invoice_form(caller.id, body), UserId(body.addressee)
    token = acting.token_of(scene, caller.id, body.act, ActClass.INVOICE, (person, form))
    if token is None:
        return None
    spend(scene.txn, token, form)
    return token.receipt


def _check_terms(scene: Conversation, order: InvoiceOrder) -> None:
    """Refuse tips and shares that cannot be paid.

    Raises:
        MalformedError: An organisation has no account here, or a tip is too much.
        SplitError: They cannot be divided so.
    """
    here = {one.id for one in scene.section.organisations}
    unknown = {name for one in order.terms.shares for name in one.names()} - here
    if unknown:
        raise MalformedError("body.shares", "no organisation of this name has an account here")
    if order.terms.largest_minor(order.card.total.minor) > MINOR_MAX:
        raise MalformedError("body.tips", "together with the invoice it is too much")
    if order.terms.shares:
        passed_on(order.card.total.minor, order.terms.shares, order.card.issuer)


def _order(
    scene: Conversation, caller: OrganisationCaller, body: InvoiceBody, act: ActReceipt | None
) -> InvoiceOrder:
    total = sum(line.amount.minor for line in body.lines)
    card = {
        "v": 1,
        # Whoever has its reference can pay and read it, so that nobody shall guess it.
        "id": ulid(scene.now_ms, scene.vault.chance(f"{scene.sender.cause} {scene.now_ms}")),
        "issuer": caller.id,
        "issuer_name": caller.name,
        "title": body.title,
        "notice_id": body.notice_id,
        "lines": body.lines,
        "total": parse(
            Money, {"minor": total, "currency": body.lines[0].amount.currency}, where="body.lines"
        ),
        "due_at_ms": body.due_at_ms,
        "law": body.law,
        "appeal": body.appeal,
        "act": act,
    }
    return InvoiceOrder(
        card=parse(InvoiceCard, card),
        addressee=body.addressee,
        reply=EVENT,
        about={"organisation": caller.id, "ours": body.ours},
        terms=InvoiceTerms(
            confirm=body.confirm, tips=body.tips, quote=body.quote, shares=body.shares
        ),
        buyer=body.buyer,
    )


def withdraw_invoice(
    scene: Conversation, caller: OrganisationCaller, invoice_id: str, reason: str
) -> InvoiceView:
    """Take an invoice back; what was paid goes back by itself. Once it is over nothing changes.

    Raises:
        NotFoundError: There is no such invoice of theirs.
        ForbiddenError: It is paid, and the key may not pay back.
        InvoiceStateError: It is just being paid: ask again.
    """
    file = invoice_of(scene, caller, invoice_id)
    state = file.invoice.state
    if state in _OVER:
        return view_of(scene, file)
    if state is InvoiceState.PAYING:
        raise InvoiceStateError(state)
    if state is InvoiceState.PAID:
        caller.need("refund")
        api_refunds.check_not_by_bank(scene, str(file.invoice.paid_by))
    invoicing.withdraw(scene, invoice_id, caller.id, reason)
    events.keep_reason(scene.txn, invoice_id, scene.vault.seal({"reason": reason}))
    logger.info("invoice %s of %s is withdrawn", invoice_id, caller.id)
    return view_of(scene, invoice_of(scene, caller, invoice_id))


def read_invoice(scene: Conversation, caller: OrganisationCaller, invoice_id: str) -> InvoiceView:
    """An invoice of an organisation.

    Raises:
        NotFoundError: There is no such invoice of theirs.
    """
    return view_of(scene, invoice_of(scene, caller, invoice_id))


def invoice_of(scene: Conversation, caller: OrganisationCaller, invoice_id: str) -> InvoiceFile:
    """An invoice of an organisation, locked.

    Raises:
        NotFoundError: There is no such invoice of theirs.
    """
    file = store.lock_invoice(scene.txn, invoice_id)
    if file is None or file.invoice.payee != scene.organisation(caller.id).id:
        raise NotFoundError("There is no such invoice")
    return file


def view_of(scene: Conversation, file: InvoiceFile) -> InvoiceView:
    """An invoice, which is locked, as its organisation sees it."""
    invoice, order = file.invoice, invoices.order_of(scene, file)
    paid_by = invoice.paid_by
    kept = payments.payment(scene.txn, paid_by) if paid_by is not None else None
    payment = kept.payment if kept is not None else None
    is_held = payment is not None and payment.state is State.HELD
    return InvoiceView(
        id=order.card.id,
        version=invoice.version,
        state=invoice.state.value,
        amount=order.card.total,
        reference=rf.reference_of(Ulid(order.card.id)),
        due_at_ms=invoice.due_at_ms,
        pay_url=pay_url(scene, order.card),
        payment=invoice.paid_by,
        ours=order.about.get("ours", ""),
        confirm_by_ms=payment.due_at_ms if payment is not None and is_held else None,
        to_pay=None
        if payment is None
        else Money(minor=payment.amount_minor, currency=order.card.total.currency),
        tip_minor=payment.tip_minor if payment is not None else 0,
        by_payer=order.card.title if order.is_by_payer else None,
    )
