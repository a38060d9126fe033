"""The card of each party in their own chat: asked once, edited in place as the session goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.cards.service import guest_cards
from appservices.signing.cards.texts.cards import card_doc, state_words
from appservices.signing.cards.texts.talk import many_doc
from appservices.signing.sessions.core.parties import CAN_ACT, PartyState, Role
from appservices.signing.sessions.core.records import clauses_of
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.core.topics import Topic
from appservices.signing.sessions.service.conversation import CATALOGUE
from appservices.signing.sessions.service.views import clause_view
from appservices.signing.sessions.store import sessions
from veche.chat import prompts
from veche.chat.prompts import Closing
from veche.contracts.signing.card import (
    CARD_PARTIES_MAX,
    SIGN_REQUEST_KEY,
    SignDocument,
    SignParty,
    SignRequest,
    SignStage,
)
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.errors import TooLargeError
from veche.protocol.forms.magic import PDF
from veche.protocol.message import text
from veche.protocol.prompts import Choice, prompt_content
from veche.protocol.unpadded_base64 import encode_base64
from veche.runtime.crypto.tracking import pin_identity

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Kept
    from veche.protocol.ids import EffectId, RoomId, UserId

_HINT_AT: Final = 2
"""With so many documents that wait for somebody they are told of the page for many."""
SIGN: Final = "sign"
DECLINE: Final = "decline"
DELEGATE: Final = "delegate"
TAKE_BACK: Final = "back"
QUESTION: Final = "ask"
FILE: Final = "file"
OPEN_CHAT: Final = "signing.chat"
"""Job: makes a chat with somebody who has none, and goes on there."""
SEND_FILE: Final = "signing.file"
"""Job: sends the document as it is before anybody signs, or with who has signed so far."""


def show(scene: Conversation, session: Session, party: str) -> Session:
    """Ask a party, or change their card to what is so now.

    Who has no chat gets one first if they are asked something: nobody who left is called back for
    news alone.

    Returns:
        The session, in which it is kept where the card is; to be saved.
    """
    member = session.member(party)
    assert member is not None, "they take part"  # noqa: S101 -- our bug
    if member.party.role is Role.SEAL:
        return session
    person = member.registrar.person if member.registrar is not None else member.user_id
    room_id = scene.chat_of(person)
    if room_id is None:
        if can_act(session, member):
            open_chat(scene, session, member, person)
        return session
    if member.is_guest:
        is_asked = can_act(session, member)
        return guest_cards.show(scene, session, member, room_id, is_asked=is_asked)
    try:
        return _show(scene, session, member, room_id, is_short=False)
    except TooLargeError:
        return _show(scene, session, member, room_id, is_short=True)


def _show(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, *, is_short: bool
) -> Session:
    kept = _question(scene, session, member)
    is_asked = kept is not None and kept.prompt.expires_at_ms >= session.deadline_at_ms
    is_there = member.card is not None and member.room_id == room_id
    if is_there and (is_asked or not can_act(session, member)):
        _change(scene, session, member, kept, is_short=is_short)
        return session
    if kept is not None:
        # It stands elsewhere, or would take no answers before the time is over.
        words = scene.localizer(member.user_id).text("This question was replaced by the one below.")
        scene.close_one(kept, member.user_id, words)
    return _ask(scene, session, member, room_id, is_short=is_short)


def _question(scene: Conversation, session: Session, member: Member) -> Kept | None:
    """The open question of a party's newest card."""
    asked = prompts.open_about(scene.txn, scene.sender.bot.user_id, about(session, member.id))
    return next((one for one in asked if one.effect == member.card), None)


def end(scene: Conversation, session: Session, member: Member) -> None:
    """End the card of somebody who takes no part any more."""
    words = scene.localizer(member.user_id).text(
        "Whom you acted for acts themselves again: nothing is left to do for you."
    )
    scene.close(about(session, member.id), member.user_id, words)


def about(session: Session, party: str) -> str:
    """The matter of the questions to a party."""
    return f"sign {session.id} {party}"


def open_chat(scene: Conversation, session: Session, member: Member, person: UserId) -> None:
    """Make a chat with a person who has none, and show a party's card there."""
    payload = {"person": person, "session": session.id, "party": member.id}
    id_ = scene.sender.fresh_id(OPEN_CHAT)
    jobs.schedule(scene.txn, Job(id_, OPEN_CHAT, payload, scene.now_ms))


def can_act(session: Session, member: Member) -> bool:
    """Return whether a party is asked to do something now."""
    return session.state is State.OPEN and member.party.state in CAN_ACT


def payload(
    scene: Conversation,
    session: Session,
    member: Member,
    prompt_id: str | None = None,
    *,
    is_short: bool = False,
) -> SignRequest:
    """Build the payload beside a card.

    Args:
        scene: The transaction.
        session: As it stands.
        member: Whose card it is.
        prompt_id: Of the question on it; None: they are asked nothing.
        is_short: Name no others and no clauses.
    """
    paper = session.paper
    assert paper is not None, "what is sent has a document"  # noqa: S101 -- our bug
    is_small = len(session.members) <= CARD_PARTIES_MAX and not is_short
    listed = session.members if is_small else (member,)
    signed = sum(1 for one in session.members if one.party.state is PartyState.SIGNED)
    return SignRequest.model_validate(
        {
            "v": 1,
            "id": session.id,
            "mode": session.mode.value,
            "state": session.state.value,
            "title": session.subject.title,
            "from_name": session.subject.requester_name,
            "from_user": session.requester,
            "document": SignDocument(
                sha256=encode_base64(paper.sha256),
                bytes=paper.size,
                pages=paper.pages,
                mimetype=session.subject.kind or PDF,
            ),
            "clauses": [
                clause_view(one) for one in (() if is_short else clauses_of(session, member))
            ],
            "level_min": member.level_min.value,
            "effect": session.effect.value,
            "stages": [
                SignStage(need=stage.need, parties=stage.parties)
                for stage in (session.stages if is_small else ())
            ],
            "parties": [_party(one) for one in listed],
            "count": len(session.members),
            "signed": signed,
            "you": member.id,
            "may_delegate": session.may_delegate,
            "deadline_at_ms": session.deadline_at_ms,
            "revision": session.revision,
            "code": session.code,
            "prompt": prompt_id,
            "page": scene.page_of(session, member) if prompt_id is not None else None,
        }
    )


def _party(member: Member) -> SignParty:
    return SignParty.model_validate(
        {
            "party": member.id,
            "role": member.party.role.value,
            "name": member.name,
            "user": member.person,
            "state": member.party.state.value,
            "of": member.party.of or None,
            "field": member.field or None,
        }
    )


def _ask(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, *, is_short: bool
) -> Session:
    person = member.user_id
    page, localizer = scene.page_of(session, member), scene.localizer(person)
    doc = card_doc(session, member, page, localizer, is_short=is_short)
    if not can_act(session, member):
        beside = {SIGN_REQUEST_KEY: payload(scene, session, member, is_short=is_short)}
        card = scene.tell(room_id, person, doc, payload=beside)
        return _kept(session, member, room_id, card)
    lasts_ms = max(1, session.deadline_at_ms - scene.now_ms)
    choices = _choices(scene, session, member)
    prompt = scene.prompt(person, choices, lasts_ms, is_single_use=False)
    beside = {SIGN_REQUEST_KEY: payload(scene, session, member, prompt.id, is_short=is_short)}
    purpose = {"topic": Topic.SIGN, "session": session.id, "party": member.id}
    card = scene.ask(
        room_id,
        person,
        prompt,
        doc,
        about=about(session, member.id),
        purpose=purpose,
        payload=beside,
    )
    if member.level_min is Level.CLICK:
        # A reply counts only from a device of the identity that there is now.
        pin_identity(scene.txn, person, scene.now_ms)
        if not session.is_blind:
            order_file(scene, session, member, room_id)
    _hint(scene, session, person, room_id)
    return _kept(session, member, room_id, card)


def _hint(scene: Conversation, session: Session, person: UserId, room_id: RoomId) -> None:
    """Tell somebody for whom a second document waits that many can be signed at once."""
    waiting = sessions.waiting_for(scene.txn, person, _HINT_AT + 1)
    others = [one for one in waiting if one != session.id]
    if len(others) + 1 == _HINT_AT and scene.links is not None:
        scene.tell(room_id, person, many_doc(_HINT_AT, scene.localizer(person)), is_quiet=True)


def order_file(scene: Conversation, session: Session, member: Member, room_id: RoomId) -> None:
    """Have the document sent into a party's chat."""
    payload = {"session": session.id, "person": member.person, "room": room_id}
    id_ = scene.sender.fresh_id(SEND_FILE)
    jobs.schedule(scene.txn, Job(id_, SEND_FILE, payload, scene.now_ms))


def _change(
    scene: Conversation, session: Session, member: Member, kept: Kept | None, *, is_short: bool
) -> None:
    """Change a card in its place; the question on it ends once there is nothing to answer."""
    room_id, person = member.room_id, member.user_id
    assert member.card is not None, "there is one"  # noqa: S101 -- our bug
    assert room_id is not None, "somewhere"  # noqa: S101 -- our bug
    page, localizer = scene.page_of(session, member), scene.localizer(person)
    doc = card_doc(session, member, page, localizer, is_short=is_short)
    if kept is not None and not can_act(session, member):
        # The document says how it stands; the question's own last words are the same.
        words = state_words(session, member, localizer)
        beside = {SIGN_REQUEST_KEY: payload(scene, session, member, is_short=is_short)}
        closing = Closing(words, intro=doc[:-1], payload=beside)
        prompts.close(scene.txn, scene.sender, kept, closing, scene.ground(person))
        return
    prompt_id = None if kept is None else kept.id
    beside = {SIGN_REQUEST_KEY: payload(scene, session, member, prompt_id, is_short=is_short)}
    if kept is None:
        content = text(doc, payload=beside)
    else:
        language = scene.language_of(person)
        content = prompt_content(kept.prompt, doc, CATALOGUE, language, payload=beside)
    scene.change(room_id, person, member.card, content)


def _choices(scene: Conversation, session: Session, member: Member) -> tuple[Choice, ...]:
    localizer = scene.localizer(member.user_id)
    choices: tuple[Choice, ...] = (
        Choice(id=SIGN, label=localizer.text("Read and sign"), style="primary"),
        Choice(id=FILE, label=localizer.text("Send me the file")),
        Choice(id=DECLINE, label=localizer.text("Decline"), style="danger"),
        Choice(id=QUESTION, label=localizer.text("Ask a question")),
    )
    if session.is_blind:
        # The bot has no file, and what is asked and answered here it would read.
        choices = tuple(one for one in choices if one.id in (SIGN, DECLINE))
    is_delegate = any(one.delegated_to == member.id for one in session.members)
    if session.may_delegate and not is_delegate:
        label = localizer.text("Let somebody else act")
        choices = (*choices, Choice(id=DELEGATE, label=label))
    return choices


def _kept(session: Session, member: Member, room_id: RoomId, card: EffectId) -> Session:
    member = attrs.evolve(member, room_id=room_id, card=card)
    members = tuple(member if one.id == member.id else one for one in session.members)
    return attrs.evolve(session, members=members)
