"""How an escrow stands, told to each who takes part in their own chat; who is asked what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.payments.conversation.core.topics import Topic
from appservices.payments.conversation.service.chats import open_chat
from appservices.payments.escrows.core.escrow import OVER, WAITING, EscrowState, Role
from appservices.payments.escrows.service import records as escrow_files
from appservices.payments.escrows.texts.escrow import (
    shown_funding,
    shown_vote,
    split_words,
    state_doc,
    vote_doc,
)
from appservices.payments.escrows.texts.room import escrow_card, escrow_news, escrow_question
from appservices.payments.organisations import store as events
from appservices.payments.organisations.store import News
from appservices.payments.rooms import service as case_rooms
from veche.protocol.approval import MandateShown, ShownCap
from veche.protocol.message import Bold
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from appservices.payments.conversation.service.conversation import Conversation
    from appservices.payments.escrows.core.escrow import Voter
    from appservices.payments.escrows.service.records import Deal
    from appservices.payments.rooms.store import Place
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc
    from veche.protocol.texts.localizer import Localizer

FUND: Final = "escrow.fund"
"""``what`` of the approval by which a buyer puts money aside."""
DECIDE: Final = "escrow.decide"
"""``what`` of the approval by which somebody decides."""
DECLINE: Final = "decline"
JOIN: Final = "join"
STOP: Final = "stop"
PUT_ASIDE: Final = "fund"
VOTED: Final = "voted"
"""What an organisation hears when another one has decided."""
VOTE: Final = "vote."
"""Begins choices by which somebody decides; what the seller gets follows, in minor units."""


def show_all(scene: Conversation, deal: Deal) -> None:
    """Tell everybody who takes part how it stands now, and ask who is to answer."""
    place = case_rooms.of_matter(scene, deal.escrow.id)
    if place is not None:
        show_card(scene, deal, place)
        case_rooms.say(scene, place, escrow_news(deal.view, room_localizer(scene, deal)))
    for voter in deal.escrow.voters:
        show(scene, deal, voter)


def show_to(scene: Conversation, escrow_id: str, person: UserId) -> None:
    """The same for one of them, who has a chat now."""
    deal = escrow_files.lock(scene, escrow_id)
    voter = deal.voter_of(person) if deal is not None else None
    if deal is not None and voter is not None:
        show(scene, deal, voter)


def show(
    scene: Conversation, deal: Deal, voter: Voter, votes: tuple[int, ...] | None = None
) -> None:
    """Tell one who takes part how it stands, and ask them what is theirs to answer.

    Args:
        scene: The transaction.
        deal: The escrow, locked.
        voter: Who.
        votes: What they are asked to decide; None: all to the seller, or all back.
    """
    person = deal.person_of(voter)
    if person is None:
        _tell_organisation(scene, deal, voter, deal.escrow.state.value)
        return
    chat = scene.chat_of(person)
    if chat is None:
        open_chat(scene, person, escrow=deal.escrow.id)
    close(scene, deal, voter)
    if chat is not None:
        doc = state_doc(deal.view, voter.role, scene.localizer(person))
        choices = _choices(scene, deal, (voter, person), votes)
        if choices:
            _ask(scene, deal, (voter, person, chat), doc, choices)
        else:
            scene.tell(chat, person, doc, is_quiet=deal.escrow.state not in OVER)
    ask_in_room(scene, deal, voter, votes)


def call_back(scene: Conversation, deal: Deal, person: UserId) -> None:
    """Invite one who takes part into the room again, who has left it or declined."""
    place = case_rooms.of_matter(scene, deal.escrow.id)
    if place is not None and case_rooms.let_in(scene, place, [person]):
        show_card(scene, deal, place, is_anew=True)


def ask_in_room(
    scene: Conversation, deal: Deal, voter: Voter, votes: tuple[int, ...] | None = None
) -> None:
    """Ask one who is in the room of an escrow there too; see ``show``."""
    person = deal.person_of(voter)
    room_id = None
    if person is not None:
        room_id = case_rooms.room_with(scene, deal.escrow.id, person)
    if person is None or room_id is None:
        return
    choices = _choices(scene, deal, (voter, person), votes)
    if choices:
        name = Bold(deal.view.named(voter.holder).name)
        doc = escrow_question(deal.view, voter.role, name, scene.localizer(person))
        _ask(scene, deal, (voter, person, room_id), doc, choices)


def show_card(scene: Conversation, deal: Deal, place: Place, *, is_anew: bool = False) -> None:
    """Show in the room of an escrow how it stands."""
    localizer = room_localizer(scene, deal)
    case_rooms.show(scene, place, escrow_card(deal.view, localizer), localizer, is_anew=is_anew)
    if deal.escrow.state in OVER:
        case_rooms.leave_later(scene, place)
    elif deal.escrow.state is EscrowState.FUNDED:
        case_rooms.remind_later(scene, place, deal.escrow.due_at_ms)


def _ask(
    scene: Conversation,
    deal: Deal,
    asked: tuple[Voter, UserId, RoomId],
    doc: Doc,
    choices: tuple[Choice, ...],
) -> None:
    voter, person, room_id = asked
    lasts_ms = (deal.escrow.due_at_ms or deal.escrow.ends_at_ms) - scene.now_ms
    prompt = scene.prompt(person, choices, lasts_ms)
    purpose = {"topic": Topic.ESCROW, "escrow": deal.escrow.id}
    scene.ask(room_id, person, prompt, doc, about=about(deal, voter), purpose=purpose)


def room_localizer(scene: Conversation, deal: Deal) -> Localizer:
    """How to speak in the room: in the language of all who take part, where they share one."""
    return case_rooms.localizer_for(scene, persons(deal))


def persons(deal: Deal) -> list[UserId]:
    """Those who take part, as far as they are persons."""
    found = (deal.person_of(one) for one in deal.escrow.voters)
    return [one for one in found if one is not None]


def tell_vote(scene: Conversation, deal: Deal, voter: Voter) -> None:
    """Tell the others what somebody has decided, whom nobody asks any more."""
    assert voter.to_seller is not None, "they have decided"  # noqa: S101 -- our bug
    close(scene, deal, voter)
    named = deal.view.named(voter.holder)
    place = case_rooms.of_matter(scene, deal.escrow.id)
    if place is not None:
        show_card(scene, deal, place)
        doc = vote_doc(deal.view, named, voter.to_seller, room_localizer(scene, deal))
        case_rooms.say(scene, place, doc)
    for other in deal.escrow.voters:
        person = deal.person_of(other)
        if other.holder == voter.holder:
            continue
        if person is None:
            _tell_organisation(scene, deal, other, VOTED)
        elif (room_id := scene.chat_of(person)) is not None:
            doc = vote_doc(deal.view, named, voter.to_seller, scene.localizer(person))
            scene.tell(room_id, person, doc)


def about(deal: Deal, voter: Voter) -> str:
    """The matter of the questions to one who takes part."""
    return f"escrow {deal.escrow.id} {voter.holder}"


def _tell_organisation(scene: Conversation, deal: Deal, voter: Voter, what: str) -> None:
    """Let an organisation that takes part hear of it; what it has just asked for it knows."""
    escrow = deal.escrow
    if escrow.state is not EscrowState.PROPOSED:
        news = News(f"escrow.{what}", deal.ours, payment_id=escrow.payment_id, escrow_id=escrow.id)
        events.add_event(scene.txn, voter.holder, news, scene.now_ms)


def close(scene: Conversation, deal: Deal, voter: Voter, words: str | None = None) -> None:
    """End the open questions to one who takes part.

    Args:
        scene: The transaction.
        deal: The escrow.
        voter: Who.
        words: What they did elsewhere; None: nothing.
    """
    person = deal.person_of(voter)
    if person is None:
        return
    localizer = scene.localizer(person)
    if words is not None:
        said = words
    elif deal.escrow.state in OVER:
        said = localizer.text("It is over.")
    elif voter.approved_by is not None:
        said = localizer.text("You have decided.")
    else:
        said = localizer.text("This question was replaced by the one below.")
    scene.close(about(deal, voter), person, said)


def _choices(
    scene: Conversation, deal: Deal, asked: tuple[Voter, UserId], votes: tuple[int, ...] | None
) -> tuple[Choice, ...]:
    """List a person's choices; empty if they have none."""
    voter, person = asked
    escrow, localizer = deal.escrow, scene.localizer(person)
    is_buyer = voter.role is Role.BUYER
    if escrow.state is EscrowState.PROPOSED and not voter.has_agreed:
        return (
            Choice(id=JOIN, label=localizer.text("Take part"), style="primary"),
            Choice(id=DECLINE, label=localizer.text("Do not take part")),
        )
    if escrow.state is EscrowState.AGREED and is_buyer:
        return _funding(scene, deal, person)
    if escrow.state in WAITING and is_buyer:
        return (Choice(id=STOP, label=localizer.text("Stop it"), style="danger"),)
    if escrow.state is EscrowState.FUNDED and voter.approved_by is None:
        offered = (escrow.amount_minor, 0) if votes is None else votes
        return (
            *(_vote(scene, deal, person, to_seller) for to_seller in offered),
            Choice(id=DECLINE, label=localizer.text("Not now")),
        )
    return ()


def _funding(scene: Conversation, deal: Deal, person: UserId) -> tuple[Choice, ...]:
    localizer = scene.localizer(person)
    shown = MandateShown(
        what=FUND,
        text=shown_funding(deal.view, localizer),
        cap=ShownCap(minor=deal.escrow.amount_minor, currency=deal.currency),
        until_ms=deal.escrow.ends_at_ms,
    )
    approve = scene.approvals.asked(scene.sender, person, "mandate", shown)
    return (
        Choice(
            id=PUT_ASIDE, label=localizer.text("Put it aside"), style="primary", approve=approve
        ),
        Choice(id=DECLINE, label=localizer.text("Do not put it aside")),
    )


def _vote(scene: Conversation, deal: Deal, person: UserId, to_seller: int) -> Choice:
    localizer = scene.localizer(person)
    shown = MandateShown(what=DECIDE, text=shown_vote(deal.view, to_seller, localizer))
    approve = scene.approvals.asked(scene.sender, person, "mandate", shown)
    label = split_words(deal.view, to_seller, localizer).removesuffix(".")
    return Choice(id=f"{VOTE}{to_seller}", label=label[:100], approve=approve)
