"""The questions about a payment: whether to pay, whether to stop what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.payments.core.payment import State
from appservices.payments.core.texts.paying import question_doc, reference_of, wait_doc
from appservices.payments.core.topics import Topic
from appservices.payments.service import allowance_uses
from veche.protocol.approval import PaymentShown, ShownMoney
from veche.protocol.message import NO_PAYLOAD
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.core.orders.invoice import InvoiceOrder
    from appservices.payments.core.rules import Reason
    from appservices.payments.core.texts.views import ChosenView, PaymentView
    from appservices.payments.service.conversation import Conversation
    from appservices.payments.service.files import OpenPayment
    from veche.protocol.approval import AskedApproval
    from veche.protocol.message import Doc, Payload
    from veche.protocol.prompts import TrustLabel

PAY: Final = "pay"
DECLINE: Final = "decline"
STOP: Final = "stop"
OBJECT: Final = "object"
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
    for n, (allowance, purse) in enumerate(allowance_uses.offered(scene, matter), 1):
        choice = f"{allowance_uses.CHOICE}{n}"
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
    """What who pays is to approve of a payment, as it is seen."""
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


def refusals(scene: Conversation, matter: OpenPayment, order: InvoiceOrder) -> tuple[Choice, ...]:
    """How a payer can say no to an invoice before they are asked to approve it."""
    person = matter.private.asker.person
    assert person is not None, "only persons are asked"  # noqa: S101 -- our bug
    localizer = scene.localizer(person)
    choices: tuple[Choice, ...] = (Choice(id=DECLINE, label=localizer.text("Do not pay")),)
    if person == order.addressee:
        choices = (*choices, Choice(id=OBJECT, label=localizer.text("Object")))
    return choices


def ask_whether_to_stop(scene: Conversation, matter: OpenPayment, reason: Reason) -> None:
    """Tell the payer that a payment waits, with a way to stop it."""
    view, until_ms = matter.view, matter.payment.due_at_ms
    person = matter.private.asker.person
    assert person is not None, "only payments of persons wait"  # noqa: S101 -- our bug
    assert until_ms is not None, "what waits waits until some time"  # noqa: S101 -- our bug
    ask_to_stop(scene, matter, wait_doc(view, reason, until_ms, scene.localizer(person)))


def ask_to_stop(scene: Conversation, matter: OpenPayment, intro: Doc) -> None:
    """Offer who pays to stop a payment that waits for something.

    That takes only power away, so a tap will do, from any device.
    """
    person = matter.private.asker.person
    assert person is not None, "only payments of persons wait"  # noqa: S101 -- our bug
    label = scene.localizer(person).text("Stop it")
    ask(scene, matter, (Choice(id=STOP, label=label, style="danger"),), intro, min_trust="any")


def close(scene: Conversation, matter: OpenPayment) -> None:
    """Say in its question what became of a payment."""
    person = matter.private.asker.person
    if person is None:
        return
    localizer = scene.localizer(person)
    if matter.payment.state is State.EXPIRED:
        words = localizer.text("Not paid: the time for it is over.")
    elif matter.payment.state is State.PAYING:
        words = localizer.text("The wait is over.")
    else:
        words = localizer.text("Not paid.")
    scene.close(matter.payment.id, person, words)


def ask(
    scene: Conversation,
    matter: OpenPayment,
    choices: tuple[Choice, ...],
    intro: Doc,
    payload: Payload = NO_PAYLOAD,
    *,
    min_trust: TrustLabel = "e2ee",
    more: Mapping[str, str] | None = None,
) -> None:
    """Ask who pays something about a payment, which ends with its state.

    Args:
        scene: The transaction.
        matter: The payment.
        choices: What can be chosen.
        intro: What stands above them.
        payload: What rides beside it.
        min_trust: How sure it must be that they answered.
        more: What else is remembered for the answer.
    """
    room_id, person = matter.payer_room(scene), matter.private.asker.person
    if room_id is None or person is None or matter.payment.due_at_ms is None:
        return
    lasts_ms = matter.payment.due_at_ms - scene.now_ms
    prompt = scene.prompt(person, choices, lasts_ms, min_trust=min_trust)
    purpose = {"topic": Topic.PAYMENT, "payment": matter.payment.id, **(more or {})}
    about = matter.payment.id
    scene.ask(room_id, person, prompt, intro, about=about, purpose=purpose, payload=payload)
