"""Questions to a party beside their card: how they are asked, and what their answers are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from appservices.signing.cards.texts.talk import refused_words
from appservices.signing.sessions.core.topics import WORDS
from veche.protocol.errors import MalformedError, RefusedError
from veche.protocol.message import Paragraph

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc
    from veche.protocol.prompts import Choice

KEEP: Final = "keep"
"""Choice: nothing is done."""
LASTS_MS: Final = 86_400_000
"""How long such a question can be answered."""


@attrs.frozen
class Question:
    """A question to a party beside their card.

    Attributes:
        topic: What sort of question it is; only the newest of a topic stays open.
        intro: What stands above the choices.
        choices: What they may answer.
        takes_words: What they write is an answer, too.
        more: What else the answer is about; it is kept in clear.
    """

    topic: str
    intro: Doc
    choices: tuple[Choice, ...]
    takes_words: bool = False
    more: Mapping[str, str] = attrs.field(factory=dict)


def ask(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, question: Question
) -> None:
    """Ask a party something.

    Args:
        scene: The transaction.
        session: Locked.
        member: Whom.
        room_id: Their chat.
        question: What.
    """
    person, topic = member.user_id, question.topic
    matter = about(session, member, topic)
    words = scene.localizer(person).text("This question was replaced by the one below.")
    scene.close(matter, person, words)
    prompt = scene.prompt(person, question.choices, LASTS_MS)
    purpose = {"topic": topic, "session": session.id, "party": member.id, **question.more}
    if question.takes_words:
        purpose[WORDS] = topic
    scene.ask(room_id, person, prompt, question.intro, about=matter, purpose=purpose)


def about(session: Session, member: Member, topic: str) -> str:
    """Return the subject of a question, by which it is found again."""
    return f"{topic} {session.id} {member.id}"


def session_and_party(
    scene: Conversation, purpose: Mapping[str, Any]
) -> tuple[Session, Member] | None:
    """The session, locked, and the party that a question is about; None: there is none any more."""
    session = scene.session(str(purpose.get("session")))
    member = session.member(str(purpose.get("party"))) if session is not None else None
    return None if session is None or member is None else (session, member)


def attempt(
    scene: Conversation, room_id: RoomId, person: UserId, act: Callable[[], Session]
) -> Session | None:
    """Do something, or say why it is not done; then None."""
    localizer = scene.localizer(person)
    try:
        return act()
    except RefusedError as e:
        scene.tell(room_id, person, (Paragraph(refused_words(e, localizer)),))
    except MalformedError:
        scene.tell(room_id, person, (Paragraph(localizer.text("This cannot be done.")),))
    return None
