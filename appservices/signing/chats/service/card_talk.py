"""Answers of a party on their card: sign, decline, delegate, ask something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.cards.service import cards
from appservices.signing.cards.service.news import requester_of
from appservices.signing.cards.texts.talk import (
    answer_doc,
    asked_doc,
    more_doc,
    question_doc,
    refused_words,
    sign_doc,
    why_doc,
)
from appservices.signing.chats.service import delegation_talk
from appservices.signing.chats.service.party_asking import (
    KEEP,
    LASTS_MS,
    Question,
    about,
    ask,
    attempt,
    session_and_party,
)
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.records import REASON_CHARACTERS_MAX
from appservices.signing.sessions.core.topics import WORDS, Topic
from appservices.signing.sessions.texts.words import REASONS
from veche.protocol.approval import showable
from veche.protocol.errors import RefusedError
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.ids import RoomId
    from veche.protocol.inbound import Inbound

WHY: Final = Topic.DECLINE
MORE: Final = Topic.DECLINE_WORDS
ASK: Final = Topic.QUESTION
ANSWER: Final = Topic.ANSWER
TOPICS: Final = frozenset({WHY, MORE, ASK, ANSWER})
NOTHING: Final = "nothing"


def answered_card(scene: Conversation, answered: Answered) -> None:
    """Act on what a party pressed on the card of a document."""
    found = session_and_party(scene, answered.kept.purpose)
    if found is not None and found[1].user_id == answered.inbound.sender:
        _on_card(scene, *found, answered.inbound.room_id, answered.chosen.choice or "")


def answered(scene: Conversation, answered: Answered) -> None:
    """A party has chosen something about a document."""
    purpose, choice = answered.kept.purpose, answered.chosen.choice or ""
    found = session_and_party(scene, purpose)
    if found is None:
        return
    session, member = found
    person, room_id = answered.inbound.sender, answered.inbound.room_id
    localizer = scene.localizer(person)
    topic = purpose["topic"]
    label = answered.kept.prompt.choice(choice)
    if not scene.settle(answered, label.label if label is not None else ""):
        return
    if choice == KEEP:
        scene.tell(room_id, person, (Paragraph(localizer.text("Nothing was changed.")),))
    elif topic == WHY and session.is_blind:
        _decline(scene, session, member, room_id, choice, "")
    elif topic == WHY:
        _ask_more(scene, session, member, room_id, choice)
    elif topic == MORE:
        _decline(scene, session, member, room_id, str(purpose.get("reason")), "")


def heard(scene: Conversation, inbound: Inbound, purpose: Mapping[str, str], words: str) -> None:
    """Somebody has written what a question about a document waits for.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        purpose: Of the question.
        words: Of it, without a quote.
    """
    found = session_and_party(scene, purpose)
    if found is None:
        return
    session, member = found
    said = "\n".join(line.strip() for line in showable(words).splitlines()).strip()
    said = said[:REASON_CHARACTERS_MAX]
    topic, room_id = purpose["topic"], inbound.room_id
    scene.close(about(session, member, topic), inbound.sender, said[:100] or "–")
    if topic == MORE:
        _decline(scene, session, member, room_id, purpose["reason"], said)
    elif topic == delegation_talk.WHOM:
        delegation_talk.heard(scene, session, member, inbound, said)
    elif topic == ASK:
        _pass_question(scene, session, member, said)
    elif topic == ANSWER:
        _pass_answer(scene, session, member, said)


def _on_card(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, choice: str
) -> None:
    person = member.user_id
    localizer = scene.localizer(person)
    try:
        acting.able(session, member.id)
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, localizer)),))
        return
    if choice == cards.SIGN:
        doc = sign_doc(session, member, scene.page_of(session, member), localizer)
        scene.tell(room_id, person, doc)
    elif choice == cards.FILE:
        cards.order_file(scene, session, member, room_id)
    elif choice == cards.DECLINE:
        labels = [Choice(id=code, label=localizer.text(said)) for code, said in REASONS.items()]
        keep = Choice(id=KEEP, label=localizer.text("Do not decline"), style="primary")
        doc = why_doc(session, localizer)
        ask(scene, session, member, room_id, Question(WHY, doc, (*labels, keep)))
    elif choice == cards.QUESTION:
        never = Choice(id=KEEP, label=localizer.text("Ask nothing"))
        doc = question_doc(session, localizer)
        ask(scene, session, member, room_id, Question(ASK, doc, (never,), takes_words=True))
    elif choice == cards.DELEGATE:
        delegation_talk.begin(scene, session, member, room_id)


def _ask_more(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, code: str
) -> None:
    localizer = scene.localizer(member.user_id)
    choices = (
        Choice(id=NOTHING, label=localizer.text("Decline without more words"), style="danger"),
        Choice(id=KEEP, label=localizer.text("Do not decline")),
    )
    question = Question(MORE, more_doc(localizer), choices, takes_words=True, more={"reason": code})
    ask(scene, session, member, room_id, question)


def _decline(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, code: str, words: str
) -> None:
    person = member.user_id
    attempt(scene, room_id, person, lambda: acting.declined(scene, session, member.id, code, words))


def _pass_question(scene: Conversation, session: Session, member: Member, words: str) -> None:
    requester = requester_of(session)
    localizer = scene.localizer(member.user_id)
    room_id = scene.chat_of(requester) if requester is not None else None
    own = scene.chat_of(member.user_id)
    if requester is None or room_id is None:
        said = localizer.text("The person who asks you has no chat here: ask them in another way.")
    else:
        said = localizer.text("Asked. You get the answer here.")
        theirs = scene.localizer(requester)
        prompt = scene.prompt(
            requester, (Choice(id=KEEP, label=theirs.text("Do not answer")),), 7 * LASTS_MS
        )
        purpose = {
            "topic": ANSWER,
            "session": session.id,
            "party": member.id,
            WORDS: ANSWER,
        }
        intro = asked_doc(session, member, words, theirs)
        matter = about(session, member, ANSWER)
        scene.record(session, "asked", member.id, {"words": words})
        scene.ask(room_id, requester, prompt, intro, about=matter, purpose=purpose)
    if own is not None:
        scene.tell(own, member.user_id, (Paragraph(said),), is_quiet=True)


def _pass_answer(scene: Conversation, session: Session, member: Member, words: str) -> None:
    room_id = scene.chat_of(member.user_id)
    if room_id is not None:
        scene.record(session, "answered", member.id, {"words": words})
        doc = answer_doc(session, words, scene.localizer(member.user_id))
        scene.tell(room_id, member.user_id, doc)
