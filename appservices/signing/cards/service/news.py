"""News for the requester and the parties, each in their own chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.cards.service import cards, together
from appservices.signing.cards.texts.news import (
    is_told,
    news_doc,
    reminder_doc,
    signature_doc,
    yours_doc,
)
from appservices.signing.config import REMINDERS_MAX
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.store import events
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.service.happening import Happening

REMINDED: Final = "reminded"


def requester_of(session: Session) -> UserId | None:
    """The person who asks; None: it is an organisation."""
    return UserId(session.requester) if session.requester.startswith("@") else None


def tell_signature(scene: Conversation, session: Session, happening: Happening) -> None:
    """Tell the requester who has signed, and the signer that it counts."""
    member, signature = happening.member, happening.signature
    assert member is not None, "somebody has signed"  # noqa: S101 -- our bug
    assert signature is not None, "by something"  # noqa: S101 -- our bug
    is_one_of_many = together.is_together(signature)
    if member.party.role is not Role.SEAL:
        person = member.user_id
        room_id = scene.chat_of(person)
        if is_one_of_many:
            together.tell_signed(scene, signature, person, person)
        elif room_id is not None:
            doc = yours_doc(session, signature.level, scene.localizer(person))
            scene.tell(room_id, person, doc, is_quiet=True)
    requester = requester_of(session)
    if requester is None or requester == member.person:
        return
    room_id = scene.chat_of(requester)
    if is_one_of_many:
        together.tell_signed(scene, signature, member.user_id, requester)
    elif room_id is not None:
        doc = signature_doc(session, member, signature.level, scene.localizer(requester))
        scene.tell(room_id, requester, doc)


def tell_everyone(scene: Conversation, session: Session, happening: Happening) -> None:
    """Tell the requester and whoever was asked what has happened, each once."""
    told = {one.user_id: one for one in session.members if _hears(one)}
    requester = requester_of(session)
    for person in dict.fromkeys((*((requester,) if requester else ()), *told)):
        room_id = scene.chat_of(person)
        if room_id is not None:
            localizer = scene.localizer(person)
            doc = news_doc(session, happening.what, happening.member, happening.other, localizer)
            scene.tell(room_id, person, doc)
        elif person in told and cards.can_act(session, told[person]):
            # They left, and are still asked: their card waits for them in a new chat.
            cards.open_chat(scene, session, told[person], person)


def remind(scene: Conversation, session: Session, member: Member) -> bool:
    """Remind a party, unless they were often enough; whether they are."""
    count = events.count(scene.txn, session.id, REMINDED, member.id)
    room_id = scene.chat_of(member.user_id)
    if count >= REMINDERS_MAX or room_id is None:
        return False
    scene.record(session, REMINDED, member.id)
    localizer = scene.localizer(member.user_id)
    doc = reminder_doc(session, member, scene.page_of(session, member), localizer)
    scene.tell(room_id, member.user_id, doc)
    return True


def _hears(member: Member) -> bool:
    return member.party.role is not Role.SEAL and not member.is_guest and is_told(member)
