"""The questions about a payment: whether to pay, whether to stop what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.core.payment import State
from appservices.payments.core.texts.paying import question_doc, reference_of, wait_doc
from veche.protocol.approval import PaymentShown, ShownMoney
from veche.protocol.message import NO_PAYLOAD
from veche.protocol.prompts import Choice, Prompt

if TYPE_CHECKING:
    from appservices.payments.core.rules import Reason
    from appservices.payments.service.files import Matter
    from appservices.payments.service.scene import Scene
    from veche.protocol.message import Doc, Payload

TOPIC: Final = "payment"
PAY: Final = "pay"
DECLINE: Final = "decline"
STOP: Final = "stop"
OBJECT: Final = "object"


def ask_approval(
    scene: Scene,
    matter: Matter,
    details: Doc = (),
    payload: Payload = NO_PAYLOAD,
    *,
    is_addressee: bool = False,
) -> None:
    """Ask the payer whether to pay, by key or by code.

    Args:
        scene: The transaction.
        matter: The payment.
        details: What stands above the question.
        payload: What rides beside it.
        is_addressee: It is of an invoice to the payer, who may object.
    """
    view, person = matter.view, matter.private.payer.person
    assert person is not None, "only persons are asked"  # noqa: S101 -- our bug
    speech = scene.speech(person)
    shown = PaymentShown(
        payee=view.payee.address,
        payee_name=view.payee.name,
        # What leaves the account: a code's daily limit counts the fee too.
        amount=ShownMoney(minor=matter.payment.total_minor, currency=view.currency),
        reference=reference_of(view, speech),
    )
    approve = scene.approvals.asked(scene.voice, person, "payment", shown)
    choices: tuple[Choice, ...] = (
        Choice(id=PAY, label=speech.text("Pay"), style="primary", approve=approve),
        Choice(id=DECLINE, label=speech.text("Do not pay")),
    )
    if is_addressee:
        choices = (*choices, Choice(id=OBJECT, label=speech.text("Object")))
    _ask(scene, matter, choices, question_doc(view, speech, details), payload)


def ask_whether_to_stop(scene: Scene, matter: Matter, reason: Reason) -> None:
    """Tell the payer that a payment waits, with a way to stop it."""
    view, until_ms = matter.view, matter.payment.due_at_ms
    person = matter.private.payer.person
    assert person is not None, "only payments of persons wait"  # noqa: S101 -- our bug
    assert until_ms is not None, "what waits waits until some time"  # noqa: S101 -- our bug
    speech = scene.speech(person)
    choices = (Choice(id=STOP, label=speech.text("Stop it"), style="danger"),)
    _ask(scene, matter, choices, wait_doc(view, reason, until_ms, speech))


def close(scene: Scene, matter: Matter) -> None:
    """Say in its question what became of a payment."""
    person = matter.private.payer.person
    if person is None:
        return
    speech = scene.speech(person)
    if matter.payment.state is State.EXPIRED:
        words = speech.text("Not paid: the time for it is over.")
    elif matter.payment.state is State.PAYING:
        words = speech.text("The wait is over.")
    else:
        words = speech.text("Not paid.")
    scene.close(matter.payment.id, person, words)


def _ask(
    scene: Scene,
    matter: Matter,
    choices: tuple[Choice, ...],
    intro: Doc,
    payload: Payload = NO_PAYLOAD,
) -> None:
    room_id, person = matter.payer_room(scene), matter.private.payer.person
    if room_id is None or person is None or matter.payment.due_at_ms is None:
        return
    prompt = Prompt(
        v=1,
        id=scene.voice.fresh_ulid("prompt"),
        scope=(person,),
        expires_at_ms=matter.payment.due_at_ms,
        min_trust="e2ee",
        choices=choices,
    )
    purpose = {"topic": TOPIC, "payment": matter.payment.id}
    about = matter.payment.id
    scene.ask(room_id, person, prompt, intro, about=about, purpose=purpose, payload=payload)
