"""The questions about a payment: whether to pay, whether to stop what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.conversation.core.topics import Topic
from appservices.payments.transfers.core.payment import State
from appservices.payments.transfers.texts.paying import wait_doc
from veche.protocol.message import NO_PAYLOAD
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.transfers.core.rules import Reason
    from appservices.payments.transfers.service.files import OpenPayment
    from veche.protocol.message import Doc, Payload
    from veche.protocol.prompts import TrustLabel

PAY: Final = "pay"
DECLINE: Final = "decline"
STOP: Final = "stop"
OBJECT: Final = "object"


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
