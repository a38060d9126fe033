"""Questions to a registrar during a meeting: one at a time, the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.cards.texts.talk import refused_words
from appservices.signing.evidence.core.record import IDENTIFIED
from appservices.signing.in_person.texts.meeting import over_doc
from appservices.signing.meetings.core import about_of
from appservices.signing.sessions.core.errors import MeetingOverError
from appservices.signing.sessions.core.topics import WORDS, Topic
from veche.access.approvals import fingerprint
from veche.protocol.message import Paragraph

if TYPE_CHECKING:
    from appservices.signing.meetings.core import Meeting
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.errors import RefusedError
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.message import Doc
    from veche.protocol.prompts import Choice

NAME: Final = Topic.MEET_NAME
"""Topic of the question that is answered in words."""


@attrs.frozen
class Met:
    """A meeting with all that it is about.

    Attributes:
        session: Locked.
        member: The guest.
        meeting: That goes on.
        room_id: The registrar's chat.
    """

    session: Session
    member: Member
    meeting: Meeting
    room_id: RoomId

    @property
    def person(self) -> UserId:
        """The registrar."""
        return self.meeting.registrar


def ask(
    scene: Conversation, met: Met, topic: str, intro: Doc, choices: tuple[Choice, ...], **more: str
) -> None:
    """Ask the registrar of a guest something; only the newest question stays open."""
    session, member, meeting = met.session, met.member, met.meeting
    about, person = about_of(session.id, member.id), met.person
    words = scene.localizer(person).text("This question was replaced by the one below.")
    scene.close(about, person, words)
    prompt = scene.prompt(person, choices, max(1, meeting.expires_at_ms - scene.now_ms))
    purpose = {"topic": topic, "session": session.id, "party": member.id, "meeting": meeting.id}
    if topic == NAME:
        purpose[WORDS] = NAME
    scene.ask(met.room_id, person, prompt, intro, about=about, purpose={**purpose, **more})


def what_of(meeting: Meeting) -> str:
    """Describe a meeting for programs: the guest, and the key of the phone."""
    key = fingerprint(meeting.public_key or b"")
    return f"{IDENTIFIED} {meeting.session_id} {meeting.party} {key}"


def say(
    scene: Conversation, room_id: RoomId, person: UserId, member: Member, error: RefusedError
) -> None:
    """Why something is not done."""
    localizer = scene.localizer(person)
    if isinstance(error, MeetingOverError):
        scene.tell(room_id, person, over_doc(member, localizer))
    else:
        scene.tell(room_id, person, (Paragraph(refused_words(error, localizer)),))
