"""A merchant says yes or no to a payment whose money is set aside for them.

Yes counts while the payment is held and its time is not over, and never after: what was told to the
payer as not paid stays not paid. Source: design of Veche, payments §8.1 (``held``).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.allowances.service import uses as allowance_uses
from appservices.payments.invoices.core.order import QuoteOption
from appservices.payments.invoices.store import invoices, quotes
from appservices.payments.merchants.api.confirming import QuoteView
from appservices.payments.merchants.service.invoices import view_of
from appservices.payments.paying.service import paying
from appservices.payments.questions.service import extras
from appservices.payments.questions.texts import reason_doc
from appservices.payments.transfers.core.payment import PaymentStateError, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.texts.paying import NOT_CONFIRMED
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.invoices.store.quotes import QuoteRow
    from appservices.payments.merchants.api.confirming import ConfirmBody, QuoteBody, RefuseBody
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.api.bearer import OrganisationCaller
    from veche.contracts.payments.invoice_api import InvoiceView

logger = logging.getLogger(__name__)

_SAID_YES: Final = frozenset({State.PAYING, State.PAID})


class TooLateError(ConflictError):
    """The time to confirm is over: it is not paid, so do not deliver (HTTP 409)."""

    errcode = "ORG.VECHE.TOO_LATE"


def confirm(
    scene: Conversation, caller: OrganisationCaller, invoice_id: str, body: ConfirmBody
) -> InvoiceView:
    """The merchant says yes: what is set aside is paid, or less if they say so.

    The answer says ``paying``; whether it is paid is told by the event ``invoice.paid``, and by
    ``invoice.unconfirmed`` if the ledger's own time was over before.

    Raises:
        NotFoundError: There is no such payment of an invoice of theirs.
        TooLateError: It was refused, or its time is over: nothing was paid.
        MalformedError: The amount is more than is set aside, or of another currency.
        SplitError: So little cannot be shared as the invoice says; it can be confirmed still.
        PaymentStateError: The payer has not approved it yet.
    """
    matter = _payment(scene, caller, invoice_id, body.payment)
    payment = matter.payment
    if payment.state in _SAID_YES:
        return _view(scene, invoice_id)
    due_at_ms = payment.due_at_ms
    if payment.state is not State.HELD:
        raise _not_held(payment.state)
    if due_at_ms is None or due_at_ms <= scene.now_ms:
        raise TooLateError("The time to confirm is over: it is not paid")
    if body.amount is not None:
        if body.amount.currency != matter.private.currency:
            raise MalformedError("body.amount", f"should be in {matter.private.currency}")
        if not 1 <= body.amount.minor <= payment.amount_minor:
            raise MalformedError("body.amount", "should be above zero, at most what is set aside")
        # What is taken off is taken off the goods first.
        tip_minor = min(payment.tip_minor, body.amount.minor - 1)
        left_minor = payment.amount_minor - body.amount.minor
        allowance_uses.give_back(scene, attrs.evolve(payment, amount_minor=left_minor, fee_minor=0))
        changed = attrs.evolve(payment, amount_minor=body.amount.minor, tip_minor=tip_minor)
        matter = attrs.evolve(matter, payment=changed)
    paying.post_held(scene, matter)
    logger.info("payment %s of %s is confirmed", payment.id, caller.id)
    return _view(scene, invoice_id)


def refuse(
    scene: Conversation, caller: OrganisationCaller, invoice_id: str, body: RefuseBody
) -> InvoiceView:
    """The merchant says no: what is set aside goes back, and the payer is told.

    Raises:
        NotFoundError: There is no such payment of an invoice of theirs.
        ConflictError: They said yes before.
        PaymentStateError: The payer has not approved it yet.
    """
    matter = _payment(scene, caller, invoice_id, body.payment)
    state = matter.payment.state
    if state in _SAID_YES:
        raise ConflictError("It is confirmed already: give it back by a refund")
    if state is State.HELD:
        paying.refuse_held(scene, matter, NOT_CONFIRMED)
        room_id, person = matter.payer_room(scene), matter.private.asker.person
        if body.reason and room_id is not None and person is not None:
            scene.tell(room_id, person, reason_doc(body.reason, scene.localizer(person)))
        logger.info("payment %s of %s is not confirmed", matter.payment.id, caller.id)
    elif state in {State.ASKED, State.COOLING, State.GUARDED, State.HOLDING}:
        raise PaymentStateError(state)
    return _view(scene, invoice_id)


def read_quote(
    scene: Conversation, caller: OrganisationCaller, invoice_id: str, payment_id: str
) -> QuoteView:
    """Return the quote that a payer asked for before they pay.

    Raises:
        NotFoundError: There is no such quote of theirs.
    """
    _payment(scene, caller, invoice_id, payment_id)
    return _quote_view(scene, _quote(scene, payment_id))


def _quote_view(scene: Conversation, row: QuoteRow) -> QuoteView:
    where, options = extras.opened(scene, row)
    return QuoteView(
        payment=row.payment_id,
        state=row.state.value,
        place=where or None,
        version=row.version,
        options=tuple(QuoteOption.model_validate(one) for one in options),
    )


def answer_quote(
    scene: Conversation, caller: OrganisationCaller, invoice_id: str, body: QuoteBody
) -> QuoteView:
    """The merchant answers what it costs besides, or answers anew before it is approved.

    Raises:
        NotFoundError: There is no such quote of theirs.
        PaymentStateError: It is approved, or over.
        QuoteStateError: The payer has not said where to.
        MalformedError: Together with the invoice it is too much.
    """
    matter = _payment(scene, caller, invoice_id, body.payment)
    row = _quote(scene, body.payment)
    if matter.payment.state is not State.ASKED:
        raise PaymentStateError(matter.payment.state)
    if not extras.is_payable(scene, matter.payment, max(one.minor for one in body.options)):
        raise MalformedError("body.options", "together with the invoice it is too much")
    return _quote_view(scene, extras.offer(scene, matter, row, body.options))


def _payment(
    scene: Conversation, caller: OrganisationCaller, invoice_id: str, payment_id: str
) -> OpenPayment:
    matter = files.lock(scene, payment_id)
    invoice = matter.payment.invoice if matter is not None else None
    is_theirs = matter is not None and matter.payment.payee == scene.organisation(caller.id).id
    if matter is None or invoice is None or invoice[0] != invoice_id or not is_theirs:
        raise NotFoundError("There is no such payment of this invoice")
    return matter


def _quote(scene: Conversation, payment_id: str) -> QuoteRow:
    row = quotes.lock(scene.txn, payment_id)
    if row is None:
        raise NotFoundError("Nobody asks for a quote of this invoice")
    return row


def _not_held(state: State) -> ConflictError:
    if state in {State.ASKED, State.COOLING, State.GUARDED, State.HOLDING}:
        return PaymentStateError(state)
    return TooLateError("The time to confirm is over: it is not paid")


def _view(scene: Conversation, invoice_id: str) -> InvoiceView:
    file = invoices.lock_invoice(scene.txn, invoice_id)
    assert file is not None, "a payment of it refers to it"  # noqa: S101 -- a foreign key
    return view_of(scene, file)
