"""The card of a guest: it stands in the chat of who has to see who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.cards.texts.cards import state_words
from appservices.signing.cards.texts.guests import guest_doc
from appservices.signing.sessions.core.topics import Topic
from veche.chat import prompts
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.ids import RoomId

HERE: Final = "here"


def show(
    scene: Conversation, session: Session, member: Member, room_id: RoomId, *, is_asked: bool
) -> Session:
    """Ask the registrar of a guest to meet them; or end that question once it is over.

    Args:
        scene: The transaction.
        session: As it stands.
        member: The guest.
        room_id: The registrar's chat.
        is_asked: Whether the guest can act now.
    """
    assert member.registrar is not None, "a guest has one"  # noqa: S101 -- our bug
    person = member.registrar.person
    localizer, matter = scene.localizer(person), about(session, member)
    if not is_asked or member.identified is not None:
        scene.close(matter, person, state_words(session, member, localizer))
        return session
    if prompts.open_about(scene.txn, scene.sender.bot.user_id, matter):
        return session
    lasts_ms = max(1, session.deadline_at_ms - scene.now_ms)
    words = localizer.text("They are with me: show the code")
    if member.is_by_hand:
        words = localizer.text("They are with me: open it on a tablet")
    here = Choice(id=HERE, label=words, style="primary")
    prompt = scene.prompt(person, (here,), lasts_ms, is_single_use=False)
    purpose = {"topic": Topic.MEET, "session": session.id, "party": member.id}
    intro = guest_doc(session, member, localizer)
    scene.ask(room_id, person, prompt, intro, about=matter, purpose=purpose)
    return session


def about(session: Session, member: Member) -> str:
    """The matter of the question to a guest's registrar."""
    return f"{Topic.MEET} {session.id} {member.id}"
