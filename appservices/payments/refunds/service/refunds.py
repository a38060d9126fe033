"""Refunds by organisations over HTTP: in full or in parts, never more than was paid.

The payment that was made is locked while what was given back of it is counted, so that of any
number of requests at once those pass that fit; the ledger and the database refuse the others again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from appservices.payments.holders import store as holders
from appservices.payments.invoices.store import invoices
from appservices.payments.organisations import store as events
from appservices.payments.refunds.api import REFUNDS_MAX, PaymentView, RefundsView, RefundView
from appservices.payments.refunds.service import credit_notes
from appservices.payments.refunds.service import moving as giving_back
from appservices.payments.refunds.store import refunds as store
from appservices.payments.transfers.core.payment import Kind, Payment, State
from appservices.payments.transfers.service import files
from appservices.payments.transfers.service.files import Private
from appservices.payments.transfers.store import payments
from appservices.payments.transfers.store import payments as payment_store
from veche.protocol.errors import ConflictError, MalformedError, NotFoundError
from veche.protocol.money import Money

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.refunds.api import RefundBody
    from appservices.payments.refunds.store.refunds import RefundRow
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.api.bearer import OrganisationCaller

logger = logging.getLogger(__name__)


class NotPaidError(ConflictError):
    """The invoice is not paid, so nothing of it can be refunded (HTTP 409)."""

    errcode = "ORG.VECHE.NOT_PAID"


class PaidByBankError(ConflictError):
    """It was paid by bank transfer, and can be refunded by a payout alone (HTTP 409)."""

    errcode = "ORG.VECHE.PAID_BY_BANK"


class RefundTooHighError(ConflictError):
    """The refund is more than what is left; the text says how much that is (HTTP 409)."""

    errcode = "ORG.VECHE.REFUND_TOO_HIGH"


def refund(
    scene: Conversation,
    caller: OrganisationCaller,
    invoice_id: str,
    body: RefundBody,
    sha256: bytes,
) -> RefundView:
    """Give back what was paid of an invoice, or a part of it.

    Args:
        scene: The transaction.
        caller: Whose invoice it is.
        invoice_id: Of it.
        body: How much, and why.
        sha256: Of the request: by what the money moves.

    Raises:
        MalformedError: The amount is not above zero, or of another currency; or its lines are not
            lines of it.
        NoTaxInvoiceError: It says lines, and the invoice has no tax invoice.
        NotFoundError: There is no such invoice of theirs.
        NotPaidError: It is not paid.
        RefundTooHighError: Less is left.
        PaidByBankError: Its payer has no account here.
    """
    paid = _paid(scene, caller, invoice_id)
    first, private = paid.payment, paid.private
    check_not_by_bank(scene, first.id)
    if body.amount.currency != private.currency:
        raise MalformedError("body.amount.currency", f"should be {private.currency}")
    if body.amount.minor < 1:
        raise MalformedError("body.amount.minor", "should be above zero")
    left_minor = _left_minor(scene, paid)
    if body.amount.minor > left_minor or len(store.of_invoice(scene.txn, invoice_id)) >= (
        REFUNDS_MAX
    ):
        raise RefundTooHighError(
            f"At most {left_minor} minor units of {private.currency} can still be given back"
        )
    if body.lines is not None and first.invoice is not None:
        file = invoices.invoice(scene.txn, *first.invoice)
        assert file is not None, "its payment refers to it"  # noqa: S101 -- our bug
        credit_notes.check_lines(scene, file, body)
    payment = Payment(
        id=scene.sender.fresh_ulid("refund"),
        kind=Kind.REFUND,
        state=State.PAYING,
        payer=first.payee,
        payee=first.payer,
        ledger=first.ledger,
        amount_minor=body.amount.minor,
        fee_minor=0,
        asked_at_ms=scene.now_ms,
        instruction=f"refund by {caller.id} {sha256.hex()}",
        refund_of=first.id,
    )
    back = Private(private.payee, private.payer, private.currency, private.reference)
    if giving_back.begin(scene, payment, back) is None:
        raise AssertionError("its id is of this request alone")
    told = {"reason": body.reason, "lines": credit_notes.lines_of(body)}
    reason = scene.vault.seal(told)
    store.add(scene.txn, payment.id, invoice_id, body.ours, reason, sha256)
    logger.info("refund %s of invoice %s by %s", payment.id, invoice_id, caller.id)
    row = store.of_payment(scene.txn, payment.id)
    assert row is not None, "it was kept now"  # noqa: S101 -- our bug
    return _view(row, private.currency)


def check_not_by_bank(scene: Conversation, payment_id: str) -> None:
    """Refuse to give back what came from outside.

    Raises:
        PaidByBankError: Its payer has no account here.
    """
    payer = payment_store.payer_of(scene.txn, payment_id)
    if payer is not None and holders.holder(scene.txn, payer).kind == holders.ELSEWHERE:
        raise PaidByBankError("This was paid from a bank: pay it back to an account there")


def refunds_of(scene: Conversation, caller: OrganisationCaller, invoice_id: str) -> RefundsView:
    """Return an organisation's refunds of an invoice, and the rest.

    Raises:
        NotFoundError: There is no such invoice of theirs.
        NotPaidError: It is not paid.
    """
    payment_id = _paid_id(scene, scene.organisation(caller.id).id, invoice_id)
    file = payment_store.payment(scene.txn, payment_id)
    assert file is not None, "an invoice refers to it"  # noqa: S101 -- a foreign key
    currency = files.matter_of(scene, file).private.currency
    found = store.of_invoice(scene.txn, invoice_id)
    return RefundsView(
        refunds=tuple(_view(row, currency) for row in found),
        left=Money(minor=store.left_minor(scene.txn, payment_id), currency=currency),
    )


def payment_of(scene: Conversation, caller: OrganisationCaller, payment_id: str) -> PaymentView:
    """A payment to or from an organisation.

    Raises:
        NotFoundError: There is no such payment of theirs.
    """
    file = payment_store.payment(scene.txn, payment_id)
    holder = scene.organisation(caller.id).id
    if file is None or holder not in {file.payment.payer, file.payment.payee}:
        raise NotFoundError("There is no such payment")
    payment = file.payment
    codes = {number: code for code, number in holders.currencies(scene.txn).items()}
    currency = codes[payment.ledger]
    refunded_minor = payment_store.refunded_minor(scene.txn, payment.id)
    return PaymentView(
        id=payment.id,
        kind=payment.kind.value,
        state=payment.state.value,
        amount=Money(minor=payment.amount_minor, currency=currency),
        invoice=payment.invoice[0] if payment.invoice else None,
        refund_of=payment.refund_of,
        refunded=Money(minor=refunded_minor, currency=currency),
        why=payment.why,
        at_ms=file.changed_at_ms,
    )


def settle(scene: Conversation, payment: Payment) -> None:
    """A payment is over; if it is a refund by request that moved nothing, that is an event."""
    if payment.kind is not Kind.REFUND or payment.state is not State.REFUSED:
        return
    row = store.of_payment(scene.txn, payment.id)
    if row is not None:
        news = events.News("invoice.refund_refused", row.ours, row.invoice_id, payment.id)
        events.add_event(scene.txn, payment.payer, news, scene.now_ms)


def _paid(scene: Conversation, caller: OrganisationCaller, invoice_id: str) -> OpenPayment:
    """The payment of an invoice, locked: its holders are not, so that no block is waited for."""
    holder = scene.organisation(caller.id).id
    paid = payment_store.lock_payment(scene.txn, _paid_id(scene, holder, invoice_id))
    assert paid is not None, "an invoice refers to it"  # noqa: S101 -- a foreign key
    return files.matter_of(scene, paid)


def _paid_id(scene: Conversation, holder: int, invoice_id: str) -> str:
    payment_id = store.paid_payment(scene.txn, invoice_id, holder)
    if payment_id is not None:
        return payment_id
    if store.has_invoice(scene.txn, invoice_id, holder):
        raise NotPaidError("This invoice is not paid: there is nothing to give back")
    raise NotFoundError("There is no such invoice")


def _left_minor(scene: Conversation, paid: OpenPayment) -> int:
    return payments.left_minor(scene.txn, paid.payment.id)


def _view(row: RefundRow, currency: str) -> RefundView:
    return RefundView(
        id=row.payment_id,
        invoice=row.invoice_id,
        state=row.state,
        amount=Money(minor=row.amount_minor, currency=currency),
        why=row.why,
        ours=row.ours,
        at_ms=row.changed_at_ms,
    )
