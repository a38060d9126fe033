"""Taking back a document: what was sent cannot be asked for again, so a person is asked first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.cards.texts.talk import refused_words
from appservices.signing.chats.service.documents import own_session
from appservices.signing.chats.texts.account import back_doc, no_draft_doc, no_session_doc
from appservices.signing.drafting.service import draft_talk
from appservices.signing.parties.service import acting
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.core.topics import Topic
from veche.protocol.errors import RefusedError
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound

_BACK: Final = "back"
_KEEP: Final = "keep"
_LASTS_MS: Final = 86_400_000


def order(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A requester takes a document back; without a number, what they are preparing."""
    person, room_id = inbound.sender, inbound.room_id
    localizer = scene.localizer(person)
    session = own_session(scene, person, argument)
    if session is None:
        doc = no_session_doc(localizer) if argument.strip() else no_draft_doc(localizer)
        scene.tell(room_id, person, doc)
    elif session.state is State.OPEN:
        _ask(scene, session, room_id, person)
    else:
        _throw_away(scene, session, room_id, person)


def answered(scene: Conversation, answered: Answered) -> None:
    """A requester has said whether it is taken back."""
    person, room_id = answered.inbound.sender, answered.inbound.room_id
    label = answered.kept.prompt.choice(answered.chosen.choice or "")
    if not scene.settle(answered, label.label if label is not None else ""):
        return
    if answered.chosen.choice != _BACK:
        words = scene.localizer(person).text("Nothing was changed.")
        scene.tell(room_id, person, (Paragraph(words),))
        return
    session = scene.session(str(answered.kept.purpose["session"]))
    if session is None:
        scene.tell(room_id, person, no_session_doc(scene.localizer(person)))
        return
    _cancel(scene, session, room_id, person)


def _ask(scene: Conversation, session: Session, room_id: RoomId, person: UserId) -> None:
    localizer, about = scene.localizer(person), f"{Topic.CANCEL} {session.id}"
    scene.close(about, person, localizer.text("This question was replaced by the one below."))
    choices = (
        Choice(id=_BACK, label=localizer.text("Take it back"), style="danger"),
        Choice(id=_KEEP, label=localizer.text("Leave it as it is")),
    )
    prompt = scene.prompt(person, choices, _LASTS_MS)
    purpose = {"topic": Topic.CANCEL, "session": session.id}
    scene.ask(room_id, person, prompt, back_doc(session, localizer), about=about, purpose=purpose)


def _throw_away(scene: Conversation, session: Session, room_id: RoomId, person: UserId) -> None:
    """A draft, of which nobody knows; what is over is refused, and says how it ended."""
    is_draft = session.state is State.DRAFT
    thrown = scene.localizer(person).text("Thrown away; nothing was sent.")
    if is_draft:
        draft_talk.close(scene, session, thrown)
    if _cancel(scene, session, room_id, person) and is_draft:
        scene.tell(room_id, person, (Paragraph(thrown),))


def _cancel(scene: Conversation, session: Session, room_id: RoomId, person: UserId) -> bool:
    try:
        acting.cancelled(scene, session)
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, scene.localizer(person))),))
        return False
    return True
