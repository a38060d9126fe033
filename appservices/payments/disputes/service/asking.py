"""How a dispute stands, told to both and to the desk in their own chats; who is asked what.

Where there is a room of the dispute, a card stands there too, and who is in it is asked there as
well: an answer here or there ends both questions.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from appservices.payments.conversation.core.topics import Topic
from appservices.payments.conversation.service.chats import open_chat
from appservices.payments.disputes.core.dispute import LIVE, OVER, DisputeState
from appservices.payments.disputes.service import records as dispute_files
from appservices.payments.disputes.texts.dispute import (
    Side,
    dispute_doc,
    shown_agreeing,
    shown_decision,
    shown_opening,
)
from appservices.payments.disputes.texts.room import dispute_card, dispute_news, dispute_question
from appservices.payments.organisations import store as events
from appservices.payments.rooms import service as case_rooms
from appservices.payments.transfers.store import payments
from veche.protocol.approval import MandateShown, ShownCap, showable
from veche.protocol.message import Bold, Mono
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.disputes.service.records import Case
    from appservices.payments.rooms.store import Place
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc, Span
    from veche.protocol.texts.localizer import Localizer

    Choices = Callable[[], tuple[Choice, ...]]
    """Made anew for each place: a key approves one question."""

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


def show_all(scene: Conversation, case: Case) -> None:
    """Tell both how it stands now, and the desk if it is theirs; ask who is to answer."""
    place = case_rooms.of_matter(scene, case.dispute.id)
    if place is not None:
        # Whoever decides an appeal comes now, and could not read the card that is there.
        is_anew = case_rooms.let_in(scene, place, case.desk(scene))
        show_card(scene, case, place, is_anew=is_anew)
        case_rooms.say(scene, place, dispute_news(case.view, room_localizer(scene, case)))
    told = everybody(scene, case)
    for side, person in told:
        show(scene, case, side, person)
    # What somebody of the desk was asked for their key is over once it is not theirs any more.
    for one in sorted(case.deciders(scene) - {person for _, person in told}):
        close(scene, case, one)
    if case.view.payee.person is None and case.dispute.state in _HEARD:
        tell_organisation(scene, case, case.dispute.state.value)


def show_card(scene: Conversation, case: Case, place: Place, *, is_anew: bool = False) -> None:
    """Show in the room of a dispute how it stands."""
    localizer = room_localizer(scene, case)
    card = dispute_card(case.view, localizer, case.clerks(scene))
    case_rooms.show(scene, place, card, localizer, is_anew=is_anew)
    if case.dispute.state in OVER:
        case_rooms.leave_later(scene, place)
    elif case.dispute.state in LIVE:
        case_rooms.remind_later(scene, place, case.dispute.due_at_ms)


def call_back(scene: Conversation, case: Case, person: UserId) -> None:
    """Invite one of them into the room again, who has left it or declined."""
    place = case_rooms.of_matter(scene, case.dispute.id)
    if place is not None and case_rooms.let_in(scene, place, [person]):
        show_card(scene, case, place, is_anew=True)


def ask_in_room(scene: Conversation, case: Case, side: Side, person: UserId) -> None:
    """Ask one of them in the room alone: their chat has the question already."""
    _put_in_room(scene, case, (side, person), lambda: _choices(scene, case, side, person))


def show_to(scene: Conversation, dispute_id: str, person: UserId) -> None:
    """The same for one of them, who has a chat now, or asks for it."""
    case = dispute_files.lock(scene, dispute_id)
    side = case.side_of(person, scene) if case is not None else None
    if case is not None and side is not None:
        show(scene, case, side, person)


def show(scene: Conversation, case: Case, side: Side, person: UserId) -> None:
    """Tell one of them how it stands, and ask what is theirs to answer."""
    # The desk knows where the bot is: nobody is called to their work.
    if scene.chat_of(person) is None and side is not Side.DESK:
        open_chat(scene, person, dispute=case.dispute.id)
    close(scene, case, person)
    _put(scene, case, (side, person), lambda: _choices(scene, case, side, person))


def tell_organisation(scene: Conversation, case: Case, what: str) -> None:
    """Let an organisation that was paid hear of something in the dispute.

    Args:
        scene: The transaction.
        case: The dispute.
        what: What has happened, or its state.
    """
    dispute = case.dispute
    file = payments.payment(scene.txn, dispute.payment_id)
    invoice = file.payment.invoice if file is not None else None
    news = events.News(
        f"dispute.{what}",
        ours="",
        invoice_id=invoice[0] if invoice is not None else None,
        payment_id=dispute.payment_id,
    )
    events.add_event(scene.txn, dispute.payee, news, scene.now_ms)


def ask_decision(
    scene: Conversation, case: Case, person: UserId, given_minor: int, words: str
) -> None:
    """Ask one of the desk for the key with which they decide."""
    localizer = scene.localizer(person)
    text = shown_decision(case.view, given_minor, words, localizer)
    shown = _shown(case, DECIDE, text, given_minor)

    def choices() -> tuple[Choice, ...]:
        approve = scene.approvals.asked(scene.sender, person, "mandate", shown)
        return (
            Choice(id=SO, label=localizer.text("Decide so"), approve=approve),
            Choice(id=DECLINE, label=localizer.text("Not so")),
        )

    close(scene, case, person)
    # What they say is for those two alone until it counts: sealed, as in the dispute itself.
    sealed = base64.b64encode(scene.vault.seal({"words": words})).decode()
    more = {"given": str(given_minor), "words": sealed}
    _put(scene, case, (Side.DESK, person), choices, more)


def words_in(scene: Conversation, purpose: Mapping[str, object]) -> str:
    """Return the words of a desk member at the time they were asked for their key."""
    return str(scene.vault.open(base64.b64decode(str(purpose["words"])))["words"])


def close(scene: Conversation, case: Case, person: UserId, words: str | None = None) -> None:
    """End the open questions to one of them; with words of what they did elsewhere, if they did."""
    localizer = scene.localizer(person)
    if words is None and case.dispute.state in OVER:
        words = localizer.text("It is over.")
    elif words is None:
        words = localizer.text("This question was replaced by the one below.")
    scene.close(about(scene, case, person), person, words)


def about(scene: Conversation, case: Case, person: UserId) -> str:
    """The matter of the questions to one of them."""
    return f"dispute {case.dispute.id} {scene.holder(person).id}"


def everybody(scene: Conversation, case: Case) -> list[tuple[Side, UserId]]:
    """List those concerned now: both sides, as far as they are people, and the desk."""
    return [*case.sides(scene), *((Side.DESK, one) for one in case.desk(scene))]


def _choices(scene: Conversation, case: Case, side: Side, person: UserId) -> tuple[Choice, ...]:
    """List a person's choices; empty if they have none."""
    state, view, localizer = case.dispute.state, case.view, scene.localizer(person)
    if side is Side.PAYER and state is DisputeState.ASKED:
        shown = _shown(case, OPEN, shown_opening(view, localizer), case.dispute.amount_minor)
        approve = scene.approvals.asked(scene.sender, person, "mandate", shown)
        return (
            Choice(id=DISPUTE, label=localizer.text("Yes, dispute it"), approve=approve),
            Choice(id=DECLINE, label=localizer.text("Do not dispute it")),
        )
    appeal = Choice(id=APPEAL, label=localizer.text("Appeal"))
    may_appeal = (appeal,) if state is DisputeState.DECIDED else ()
    if side is Side.PAYER and state in LIVE:
        return (*may_appeal, Choice(id=WITHDRAW, label=localizer.text("Take the dispute back")))
    if side is Side.PAYEE and state in LIVE:
        minor = case.dispute.held_minor
        shown = _shown(case, AGREE, shown_agreeing(view, localizer), minor)
        approve = scene.approvals.asked(scene.sender, person, "mandate", shown)
        label = localizer.text(
            "Yes, give back {amount}", amount=localizer.money(minor, view.currency)
        )
        contest = Choice(id=CONTEST, label=localizer.text("Do not give it back"))
        return (
            Choice(id=GIVE_BACK, label=label, approve=approve),
            *((contest,) if state is DisputeState.OPEN else ()),
            *may_appeal,
            Choice(id=DECLINE, label=localizer.text("Not now")),
        )
    return ()


def _shown(case: Case, what: str, text: str, minor: int) -> MandateShown:
    """Build the facts to sign, with names of others as they were shown before."""
    cap = ShownCap(minor=minor, currency=case.view.currency)
    return MandateShown(what=what, text=showable(text), cap=cap)


def _put(
    scene: Conversation,
    case: Case,
    asked: tuple[Side, UserId],
    choices: Choices,
    more: Mapping[str, str] | None = None,
) -> None:
    """Tell somebody in their chat how it stands; ask there, and in the room, what is theirs."""
    side, person = asked
    chat = scene.chat_of(person)
    if chat is not None:
        doc, offered = dispute_doc(case.view, side, scene.localizer(person)), choices()
        if offered:
            _ask(scene, case, (person, chat), doc, offered, more)
        else:
            scene.tell(chat, person, doc)
    _put_in_room(scene, case, asked, choices, more)


def _put_in_room(
    scene: Conversation,
    case: Case,
    asked: tuple[Side, UserId],
    choices: Choices,
    more: Mapping[str, str] | None = None,
) -> None:
    side, person = asked
    room_id = case_rooms.room_with(scene, case.dispute.id, person)
    offered = choices() if room_id is not None else ()
    if room_id is not None and offered:
        named = {Side.PAYER: case.view.payer, Side.PAYEE: case.view.payee}
        is_self = side in named and named[side].person == person
        name: Span = Bold(named[side].name) if is_self else Mono(person)
        doc = dispute_question(case.view, side, name, scene.localizer(person))
        _ask(scene, case, (person, room_id), doc, offered, more)


def _ask(
    scene: Conversation,
    case: Case,
    asked: tuple[UserId, RoomId],
    doc: Doc,
    choices: tuple[Choice, ...],
    more: Mapping[str, str] | None = None,
) -> None:
    (person, room_id), due_at_ms = asked, case.dispute.due_at_ms
    if due_at_ms is None:
        return
    prompt = scene.prompt(person, choices, due_at_ms - scene.now_ms)
    purpose = {"topic": Topic.DISPUTE, "dispute": case.dispute.id, **(more or {})}
    matter = about(scene, case, person)
    scene.ask(room_id, person, prompt, doc, about=matter, purpose=purpose)


def room_localizer(scene: Conversation, case: Case) -> Localizer:
    """How to speak in the room: in the language of both sides, where they share one."""
    return case_rooms.localizer_for(scene, [person for _, person in case.sides(scene)])
