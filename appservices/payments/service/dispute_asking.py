"""How a dispute stands, told to both and to the desk in their own chats; who is asked what."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from appservices.payments.core.dispute import LIVE, OVER, DisputeState
from appservices.payments.core.texts.dispute import (
    Side,
    dispute_doc,
    shown_agreeing,
    shown_decision,
    shown_opening,
)
from appservices.payments.service import dispute_files
from appservices.payments.service.settling import open_chat
from appservices.payments.store import events, payments
from veche.protocol.approval import MandateShown, ShownCap, showable
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.payments.service.dispute_files import Case
    from appservices.payments.service.scene import Scene
    from veche.protocol.ids import UserId
    from veche.protocol.message import Doc

TOPIC: Final = "dispute"
OPEN: Final = "dispute.open"
"""``what`` of the approval by which a payer disputes."""
AGREE: Final = "dispute.agree"
"""``what`` of the approval by which a payee gives back."""
DECIDE: Final = "dispute.decide"
"""``what`` of the approval by which the desk decides."""
DECLINE: Final = "decline"
DISPUTE: Final = "open"
GIVE_BACK: Final = "agree"
CONTEST: Final = "contest"
SO: Final = "decide"
APPEAL: Final = "appeal"
WITHDRAW: Final = "withdraw"
_HEARD: Final = frozenset(
    {
        DisputeState.OPEN,
        DisputeState.AT_DESK,
        DisputeState.DECIDED,
        DisputeState.APPEALED,
        DisputeState.CLOSED,
    }
)
"""States of which an organisation hears."""


def show_all(scene: Scene, case: Case) -> None:
    """Tell both how it stands now, and the desk if it is theirs; ask who is to answer."""
    for side, person in everybody(scene, case):
        show(scene, case, side, person)
    if case.view.payee.person is None:
        _tell_organisation(scene, case)


def show_to(scene: Scene, dispute_id: str, person: UserId) -> None:
    """The same for one of them, who has a chat now, or asks for it."""
    case = dispute_files.lock(scene, dispute_id)
    side = case.side_of(person, scene) if case is not None else None
    if case is not None and side is not None:
        show(scene, case, side, person)


def show(scene: Scene, case: Case, side: Side, person: UserId) -> None:
    """Tell one of them how it stands, and ask what is theirs to answer."""
    room_id = scene.chat_of(person)
    if room_id is None:
        # The desk knows where the bot is: nobody is called to their work.
        if side is not Side.DESK:
            open_chat(scene, person, dispute=case.dispute.id)
        return
    close(scene, case, person)
    speech = scene.speech(person)
    doc = dispute_doc(case.view, side, speech)
    choices = _choices(scene, case, side, person)
    if choices:
        _ask(scene, case, person, doc, choices)
    else:
        scene.tell(room_id, person, doc)


def _tell_organisation(scene: Scene, case: Case) -> None:
    """Let an organisation that was paid hear of a state of the dispute."""
    dispute = case.dispute
    if dispute.state in _HEARD:
        file = payments.payment(scene.txn, dispute.payment_id)
        invoice = file.payment.invoice if file is not None else None
        news = events.News(
            f"dispute.{dispute.state.value}",
            ours="",
            invoice_id=invoice[0] if invoice is not None else None,
            payment_id=dispute.payment_id,
        )
        events.add_event(scene.txn, dispute.payee, news, scene.now_ms)


def ask_decision(scene: Scene, case: Case, person: UserId, given_minor: int, words: str) -> None:
    """Ask one of the desk for the key with which they decide."""
    speech = scene.speech(person)
    text = shown_decision(case.view, given_minor, words, speech)
    shown = _shown(case, DECIDE, text, given_minor)
    approve = scene.approvals.asked(scene.voice, person, "mandate", shown)
    choices = (
        Choice(id=SO, label=speech.text("Decide so"), approve=approve),
        Choice(id=DECLINE, label=speech.text("Not so")),
    )
    close(scene, case, person)
    # What they say is for those two alone until it counts: sealed, as in the dispute itself.
    sealed = base64.b64encode(scene.vault.seal({"words": words})).decode()
    more = {"given": str(given_minor), "words": sealed}
    doc = dispute_doc(case.view, Side.DESK, speech)
    _ask(scene, case, person, doc, choices, more)


def words_in(scene: Scene, purpose: Mapping[str, object]) -> str:
    """What one of the desk said when they were asked for their key."""
    return str(scene.vault.open(base64.b64decode(str(purpose["words"])))["words"])


def close(scene: Scene, case: Case, person: UserId) -> None:
    """End the open questions to one of them."""
    speech = scene.speech(person)
    if case.dispute.state in OVER:
        words = speech.text("It is over.")
    else:
        words = speech.text("A newer question has taken the place of this one.")
    scene.close(about(scene, case, person), person, words)


def about(scene: Scene, case: Case, person: UserId) -> str:
    """The matter of the questions to one of them."""
    return f"dispute {case.dispute.id} {scene.holder(person).id}"


def everybody(scene: Scene, case: Case) -> list[tuple[Side, UserId]]:
    """Whom a dispute concerns now: both sides, as far as they are persons, and who decides."""
    sides = [(Side.PAYER, case.view.payer.person), (Side.PAYEE, case.view.payee.person)]
    found = [(side, person) for side, person in sides if person is not None]
    return found + [(Side.DESK, one) for one in case.desk(scene)]


def _choices(scene: Scene, case: Case, side: Side, person: UserId) -> tuple[Choice, ...]:
    """What is theirs to answer; empty if nothing is."""
    state, view, speech = case.dispute.state, case.view, scene.speech(person)
    if side is Side.PAYER and state is DisputeState.ASKED:
        shown = _shown(case, OPEN, shown_opening(view, speech), case.dispute.amount_minor)
        approve = scene.approvals.asked(scene.voice, person, "mandate", shown)
        return (
            Choice(id=DISPUTE, label=speech.text("Yes, dispute it"), approve=approve),
            Choice(id=DECLINE, label=speech.text("Do not dispute it")),
        )
    appeal = Choice(id=APPEAL, label=speech.text("Appeal"))
    may_appeal = (appeal,) if state is DisputeState.DECIDED else ()
    if side is Side.PAYER and state in LIVE:
        return (*may_appeal, Choice(id=WITHDRAW, label=speech.text("Take the dispute back")))
    if side is Side.PAYEE and state in LIVE:
        minor = case.dispute.held_minor
        shown = _shown(case, AGREE, shown_agreeing(view, speech), minor)
        approve = scene.approvals.asked(scene.voice, person, "mandate", shown)
        label = speech.text("Yes, give back {amount}", amount=speech.money(minor, view.currency))
        contest = Choice(id=CONTEST, label=speech.text("Do not give it back"))
        return (
            Choice(id=GIVE_BACK, label=label, approve=approve),
            *((contest,) if state is DisputeState.OPEN else ()),
            *may_appeal,
            Choice(id=DECLINE, label=speech.text("Not now")),
        )
    return ()


def _shown(case: Case, what: str, text: str, minor: int) -> MandateShown:
    """What is signed: names of others are in it, as they were shown before."""
    cap = ShownCap(minor=minor, currency=case.view.currency)
    return MandateShown(what=what, text=showable(text), cap=cap)


def _ask(
    scene: Scene,
    case: Case,
    person: UserId,
    doc: Doc,
    choices: tuple[Choice, ...],
    more: Mapping[str, str] | None = None,
) -> None:
    room_id, due_at_ms = scene.chat_of(person), case.dispute.due_at_ms
    if room_id is None or due_at_ms is None:
        return
    prompt = scene.prompt(person, choices, due_at_ms - scene.now_ms)
    purpose = {"topic": TOPIC, "dispute": case.dispute.id, **(more or {})}
    matter = about(scene, case, person)
    scene.ask(room_id, person, prompt, doc, about=matter, purpose=purpose)
