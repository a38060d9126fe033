"""What a party answers on their card: sign, decline, let somebody else act, ask something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.core.records import REASON_CHARACTERS_MAX
from appservices.signing.core.texts.draft import nobody_doc
from appservices.signing.core.texts.talk import (
    answer_doc,
    asked_doc,
    more_doc,
    question_doc,
    refused_words,
    sign_doc,
    whom_doc,
    why_doc,
)
from appservices.signing.core.texts.words import REASONS
from appservices.signing.service import acting, cards
from appservices.signing.service.draft_talk import WORDS
from appservices.signing.service.naming import known_name, user_named
from appservices.signing.service.scene import Parts
from appservices.signing.service.telling import requester_of
from veche.protocol.approval import showable
from veche.protocol.errors import MalformedError, RefusedError
from veche.protocol.ids import RoomId, UserId, effect_id
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice
from veche.runtime import errands
from veche.runtime.chats import ChatErrand
from veche.runtime.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.signing.core.records import Member, Session
    from appservices.signing.service.scene import Scene
    from veche.protocol.inbound import Inbound
    from veche.protocol.message import Doc
    from veche.runtime.database import Cursor
    from veche.runtime.prompts import Answered

WHY: Final = "decline"
MORE: Final = "decline-words"
WHOM: Final = "delegate"
BACK: Final = "taken-back"
ASK: Final = "question"
ANSWER: Final = "answer"
TOPICS: Final = frozenset({cards.TOPIC, WHY, MORE, WHOM, BACK, ASK, ANSWER})
DELEGATE: Final = "signing.delegate"
"""Errand: finds out what a delegate is called."""
KEEP: Final = "keep"
NOTHING: Final = "nothing"
_LASTS_MS: Final = 86_400_000


def answered(scene: Scene, answered: Answered) -> None:
    """A party has chosen something about a document."""
    purpose, choice = answered.kept.purpose, answered.chosen.choice or ""
    found = _matter(scene, purpose)
    if found is None:
        return
    session, member = found
    person, room_id = answered.inbound.sender, answered.inbound.room_id
    speech = scene.speech(person)
    topic = purpose["topic"]
    if topic == cards.TOPIC:
        if member.user_id == person:
            _on_card(scene, session, member, room_id, choice)
        return
    label = answered.kept.prompt.choice(choice)
    if not scene.settle(answered, label.label if label is not None else ""):
        return
    if choice == KEEP:
        scene.tell(room_id, person, (Paragraph(speech.text("Nothing was changed.")),))
    elif topic == WHY and session.is_blind:
        _decline(scene, session, member, room_id, choice, "")
    elif topic == WHY:
        _ask_more(scene, session, member, room_id, choice)
    elif topic == MORE:
        _decline(scene, session, member, room_id, str(purpose.get("reason")), "")
    elif topic == BACK:
        _try(scene, room_id, person, lambda: acting.taken_back(scene, session, member.id))


def heard(scene: Scene, inbound: Inbound, purpose: Mapping[str, str], words: str) -> None:
    """Somebody has written what a question about a document waits for.

    Args:
        scene: The transaction.
        inbound: What they wrote.
        purpose: Of the question.
        words: Of it, without a quote.
    """
    found = _matter(scene, purpose)
    if found is None:
        return
    session, member = found
    said = "\n".join(line.strip() for line in showable(words).splitlines()).strip()
    said = said[:REASON_CHARACTERS_MAX]
    topic, room_id = purpose["topic"], inbound.room_id
    scene.close(_about(session, member, topic), inbound.sender, said[:100] or "–")
    if topic == MORE:
        _decline(scene, session, member, room_id, purpose["reason"], said)
    elif topic == WHOM:
        _look_up(scene, session, member, inbound, said)
    elif topic == ASK:
        _pass_question(scene, session, member, said)
    elif topic == ANSWER:
        _pass_answer(scene, session, member, said)


def _matter(scene: Scene, purpose: Mapping[str, Any]) -> tuple[Session, Member] | None:
    session = scene.session(str(purpose.get("session")))
    member = session.member(str(purpose.get("party"))) if session is not None else None
    return None if session is None or member is None else (session, member)


def _on_card(scene: Scene, session: Session, member: Member, room_id: RoomId, choice: str) -> None:
    person = member.user_id
    speech = scene.speech(person)
    try:
        acting.able(session, member.id)
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, speech)),))
        return
    if choice == cards.SIGN:
        doc = sign_doc(session, member, scene.page_of(session, member), speech)
        scene.tell(room_id, person, doc)
    elif choice == cards.FILE:
        cards.order_file(scene, session, member, room_id)
    elif choice == cards.DECLINE:
        labels = [Choice(id=code, label=speech.text(said)) for code, said in REASONS.items()]
        keep = Choice(id=KEEP, label=speech.text("Do not decline"), style="primary")
        _ask(scene, session, member, room_id, WHY, why_doc(session, speech), (*labels, keep))
    elif choice == cards.QUESTION:
        never = Choice(id=KEEP, label=speech.text("Ask nothing"))
        _ask(scene, session, member, room_id, ASK, question_doc(session, speech), (never,))
    elif choice == cards.DELEGATE:
        myself = Choice(id=KEEP, label=speech.text("I act myself"))
        _ask(scene, session, member, room_id, WHOM, whom_doc(speech), (myself,))


def _ask_more(scene: Scene, session: Session, member: Member, room_id: RoomId, code: str) -> None:
    speech = scene.speech(member.user_id)
    choices = (
        Choice(id=NOTHING, label=speech.text("Decline without more words"), style="danger"),
        Choice(id=KEEP, label=speech.text("Do not decline")),
    )
    _ask(scene, session, member, room_id, MORE, more_doc(speech), choices, reason=code)


def _ask(
    scene: Scene,
    session: Session,
    member: Member,
    room_id: RoomId,
    topic: str,
    intro: Doc,
    choices: tuple[Choice, ...],
    **more: str,
) -> None:
    """Ask a party something beside their card; only the newest of a kind stays open."""
    person = member.user_id
    words = scene.speech(person).text("A newer question has taken the place of this one.")
    scene.close(_about(session, member, topic), person, words)
    prompt = scene.prompt(person, choices, _LASTS_MS)
    purpose = {"topic": topic, "session": session.id, "party": member.id, **more}
    if topic not in (WHY, BACK):
        purpose[WORDS] = topic
    about = _about(session, member, topic)
    scene.ask(room_id, person, prompt, intro, about=about, purpose=purpose)


def _about(session: Session, member: Member, topic: str) -> str:
    return f"{topic} {session.id} {member.id}"


def _decline(
    scene: Scene, session: Session, member: Member, room_id: RoomId, code: str, words: str
) -> None:
    person = member.user_id
    _try(scene, room_id, person, lambda: acting.declined(scene, session, member.id, code, words))


def _try(scene: Scene, room_id: RoomId, person: UserId, act: Callable[[], Session]) -> None:
    """Do something, or say why it is not done."""
    speech = scene.speech(person)
    try:
        act()
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, speech)),))
    except MalformedError:
        scene.tell(room_id, person, (Paragraph(speech.text("This cannot be done.")),))


def _look_up(scene: Scene, session: Session, member: Member, inbound: Inbound, typed: str) -> None:
    person = member.user_id
    to = user_named(typed, scene.voice.bot.user_id, person)
    if to is None:
        doc = nobody_doc(typed[:100], scene.speech(person))
        scene.tell(inbound.room_id, person, doc)
        return
    payload = {"session": session.id, "party": member.id, "to": to, "room": inbound.room_id}
    id_ = effect_id(DELEGATE, inbound.event_id)
    errands.schedule(scene.txn, Errand(id_, DELEGATE, payload, scene.now_ms))


def _pass_question(scene: Scene, session: Session, member: Member, words: str) -> None:
    requester = requester_of(session)
    speech = scene.speech(member.user_id)
    room_id = scene.chat_of(requester) if requester is not None else None
    own = scene.chat_of(member.user_id)
    if requester is None or room_id is None:
        said = speech.text("Whoever asks you has no chat here: ask them in another way.")
    else:
        said = speech.text("Asked. You get the answer here.")
        theirs = scene.speech(requester)
        prompt = scene.prompt(
            requester, (Choice(id=KEEP, label=theirs.text("Do not answer")),), 7 * _LASTS_MS
        )
        purpose = {
            "topic": ANSWER,
            "session": session.id,
            "party": member.id,
            WORDS: ANSWER,
        }
        intro = asked_doc(session, member, words, theirs)
        about = _about(session, member, ANSWER)
        scene.record(session, "asked", member.id, {"words": words})
        scene.ask(room_id, requester, prompt, intro, about=about, purpose=purpose)
    if own is not None:
        scene.tell(own, member.user_id, (Paragraph(said),), is_quiet=True)


def _pass_answer(scene: Scene, session: Session, member: Member, words: str) -> None:
    room_id = scene.chat_of(member.user_id)
    if room_id is not None:
        scene.record(session, "answered", member.id, {"words": words})
        doc = answer_doc(session, words, scene.speech(member.user_id))
        scene.tell(room_id, member.user_id, doc)


class Delegate(ChatErrand[Parts]):
    """Finds out what a delegate is called; then they are asked."""

    async def perform(self, errand: Errand) -> Mapping[str, Any]:
        """Ask the homeserver; they may not be there."""
        host, bot = self._parts.host, self._parts.bot.user_id
        return {"name": await known_name(host.client, bot, UserId(errand.payload["to"]))}

    def finish(self, txn: Cursor, errand: Errand, result: Mapping[str, Any], now_ms: int) -> None:
        """Let them act, and offer to take that back."""
        scene = self._parts.scene(txn, errand.id, now_ms)
        found = _matter(scene, errand.payload)
        if found is None:
            return
        session, member = found
        to, room_id = UserId(errand.payload["to"]), RoomId(errand.payload["room"])
        person, speech, name = member.user_id, scene.speech(member.user_id), result["name"]
        if name is None:
            scene.tell(room_id, person, nobody_doc(to, speech))
            return
        try:
            session = acting.delegated(scene, session, member.id, to, name)
        except RefusedError as e:
            scene.tell(room_id, person, (Paragraph(refused_words(e, speech)),))
            return
        words = speech.text("{name} acts for you now.", name=name)
        choices = (
            Choice(id=BACK, label=speech.text("Take it back")),
            Choice(id=KEEP, label=speech.text("Leave it so")),
        )
        _ask(scene, session, member, room_id, BACK, (Paragraph(words),), choices)
