"""The question whether to pay: from whose account, by key or by code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.allowances import store
from appservices.payments.allowances.service.uses import problem_of, view_of
from appservices.payments.invoices.store import quotes
from appservices.payments.transfers.service.asking import DECLINE, OBJECT, PAY, ask
from appservices.payments.transfers.texts.paying import question_doc, reference_of
from veche.protocol.approval import PaymentShown, ShownMoney
from veche.protocol.message import NO_PAYLOAD
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from appservices.payments.allowances.store import Allowance
    from appservices.payments.allowances.texts import AllowanceView
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.service.files import OpenPayment
    from appservices.payments.transfers.texts.views import ChosenView, PaymentView
    from veche.protocol.approval import AskedApproval
    from veche.protocol.message import Doc, Payload

CHOICE: Final = "purse-"
"""Begins the choice of an account of another."""
OFFERED_MAX: Final = 3
"""Most accounts of others that one question offers."""


_LABEL_CHARACTERS: Final = 70


def ask_approval(
    scene: Conversation,
    matter: OpenPayment,
    details: Doc = (),
    payload: Payload = NO_PAYLOAD,
    *,
    is_addressee: bool = False,
    chosen: ChosenView | None = None,
) -> None:
    """Ask the payer whether to pay, by key or by code.

    Args:
        scene: The transaction.
        matter: The payment.
        details: What stands above the question.
        payload: What rides beside it.
        is_addressee: It is of an invoice to the payer, who may object.
        chosen: What they chose of a quote.
    """
    view, person = matter.view, matter.private.asker.person
    assert person is not None, "only persons are asked"  # noqa: S101 -- our bug
    localizer = scene.localizer(person)
    approve = _approve(scene, matter, view)
    choices: tuple[Choice, ...] = (
        Choice(id=PAY, label=localizer.text("Pay"), style="primary", approve=approve),
        Choice(id=DECLINE, label=localizer.text("Do not pay")),
    )
    if is_addressee:
        choices = (*choices, Choice(id=OBJECT, label=localizer.text("Object")))
    more = {}
    for n, (allowance, purse) in enumerate(offered(scene, matter), 1):
        choice = f"{CHOICE}{n}"
        theirs = attrs.evolve(view, payer=purse.giver, user=purse.spender)
        approve = _approve(scene, matter, theirs)
        # It must not begin as a command does: a client may send it as it is.
        name = purse.giver.address[:_LABEL_CHARACTERS]
        label = localizer.text("From the account of {name}", name=name)
        choices = (*choices, Choice(id=choice, label=label, approve=approve))
        more[choice] = allowance.id
    doc = question_doc(view, localizer, details, chosen)
    ask(scene, matter, choices, doc, payload, more=more)


def _approve(scene: Conversation, matter: OpenPayment, view: PaymentView) -> AskedApproval:
    """Build the approval of a payment as its payer sees it."""
    person = matter.private.asker.person
    assert person is not None, "only persons are asked"  # noqa: S101 -- our bug
    shown = PaymentShown(
        payee=view.payee.address,
        payee_name=view.payee.name,
        # What leaves the account: a code's daily limit counts the fee too.
        amount=ShownMoney(minor=matter.payment.total_minor, currency=view.currency),
        reference=reference_of(view, scene.localizer(person)),
    )
    return scene.approvals.asked(scene.sender, person, "payment", shown)


def offered(scene: Conversation, matter: OpenPayment) -> list[tuple[Allowance, AllowanceView]]:
    """The accounts of others from which the payer of an invoice could pay it now.

    One that its merchant was asked about is theirs who asked, and one that is paid from such an
    account already from no other.
    """
    payment, payee = matter.payment, matter.private.payee.address
    if payment.invoice is None or payment.allowance_id is not None:
        return []
    if quotes.lock(scene.txn, payment.id) is not None:
        return []
    found = [
        (one, view_of(scene, one))
        for one in store.given_to(scene.txn, payment.payer)
        if one.ledger == payment.ledger
        and problem_of(scene, one, payee, payment.total_minor) is None
    ]
    return found[:OFFERED_MAX]
