"""Questions to a registrar when somebody writes by hand on an office's tablet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.cards.texts.guests import PAPERS
from appservices.signing.evidence.core.record import DECLINED
from appservices.signing.in_person.service import tablets
from appservices.signing.in_person.service.meeting_asking import Met, ask
from appservices.signing.in_person.texts.by_hand import (
    opened_doc,
    over_doc,
    refusal_doc,
    refusal_text,
    witness_doc,
    written_doc,
)
from appservices.signing.in_person.texts.meeting import meeting_refused_doc
from appservices.signing.meetings import store
from appservices.signing.meetings.core import MeetingState, about_of
from appservices.signing.meetings.service import withdrawn
from appservices.signing.sessions.core.errors import MeetingOverError
from appservices.signing.sessions.core.hand import witness_of
from appservices.signing.sessions.core.parties import CAN_ACT, PartyState
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.core.topics import Topic
from appservices.signing.sessions.service.conversation import Parts
from veche.bots import ChatJob
from veche.protocol.approval import MandateShown
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from appservices.signing.meetings.core import Meeting
    from appservices.signing.sessions.core.guests import Papers
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.messaging.jobs import Job
    from veche.runtime.database import Cursor

WHICH: Final = Topic.MEET_PAPERS
"""Topic of the question for the papers: that of a phone."""
REFUSAL: Final = Topic.HAND_REFUSAL
WITNESS: Final = Topic.HAND_WITNESS
TOPICS: Final = frozenset({REFUSAL, WITNESS})
CONFIRM: Final = "confirm"
STOP: Final = "stop"
DECLINE: Final = "decline"


def came(scene: Conversation, meeting: Meeting, session: Session, member: Member) -> None:
    """A tablet has opened the link: tell the registrar which digits it shows."""
    room_id = scene.chat_of(meeting.registrar)
    if room_id is not None:
        doc = opened_doc(session, member, meeting, scene.localizer(meeting.registrar))
        scene.tell(room_id, meeting.registrar, doc)


def said(scene: Conversation, meeting: Meeting, session: Session, member: Member) -> None:
    """Something was written or said on the tablet: ask the registrar whether they saw it."""
    room_id, told = scene.chat_of(meeting.registrar), tablets.said_of(scene, meeting)
    if room_id is None or told is None:
        return
    met = Met(session, member, meeting, room_id)
    if told["what"] == tablets.AGREED:
        _ask_papers(scene, met)
    else:
        _ask_refusal(scene, met, told)


def answered(scene: Conversation, met: Met, topic: str, choice: str, nonce: str | None) -> None:
    """The registrar has confirmed a refusal, or said that nothing of it is so.

    Raises:
        RefusedError: It is too late for that.
    """
    localizer = scene.localizer(met.person)
    if topic == REFUSAL and choice == CONFIRM and nonce is not None:
        tablets.confirm_refusal(scene, met.session, met.member, met.meeting)
        return
    tablets.refuse(scene, met.session, met.member, met.meeting)
    scene.tell(met.room_id, met.person, meeting_refused_doc(met.member, localizer))


def refuse(scene: Conversation, session: Session, member: Member, meeting: Meeting) -> None:
    """The registrar stops a meeting, of a phone or of a tablet.

    Raises:
        MeetingOverError: It is over.
    """
    tablets.refuse(scene, session, member, meeting)


def seen(scene: Conversation, met: Met, papers: Papers, typed: str) -> None:
    """The registrar has seen the papers of who wrote: they sign as the witness on their page.

    Raises:
        RefusedError: It is too late, or they may not any more.
    """
    person, localizer = met.person, scene.localizer(met.person)
    session = tablets.vouch(scene, met.session, met.member, met.meeting, papers)
    witness, writer = witness_of(session, met.member), session.member(met.member.id)
    if witness is None or writer is None:
        raise MeetingOverError
    scene.close(about_of(session.id, writer.id), person, typed[:100])
    page = scene.page_of(session, witness)
    doc = witness_doc(session, writer, papers, page, localizer)
    stop = Choice(id=STOP, label=localizer.text("Stop: nothing of it counts"), style="danger")
    ask(scene, attrs.evolve(met, session=session, member=writer), WITNESS, doc, (stop,))


def _ask_papers(scene: Conversation, met: Met) -> None:
    localizer = scene.localizer(met.person)
    choices = [Choice(id=one.value, label=localizer.text(words)) for one, words in PAPERS.items()]
    words = localizer.text(
        "The tablet shows another code, I did not see it, or it is somebody else"
    )
    stop = Choice(id=STOP, label=words, style="danger")
    intro = written_doc(met.session, met.member, met.meeting, localizer)
    ask(scene, met, WHICH, intro, (*choices, stop))


def _ask_refusal(scene: Conversation, met: Met, told: Mapping[str, Any]) -> None:
    """Ask the registrar to say with their key that somebody declined before them."""
    session, member, localizer = met.session, met.member, scene.localizer(met.person)
    text = refusal_text(session, member, (told["code"], told["words"]), localizer)
    what = f"{DECLINED} {session.id} {member.id} {met.meeting.id}"
    shown = MandateShown(what=what, text=text, until_ms=met.meeting.expires_at_ms)
    approve = scene.approvals.asked(scene.sender, met.person, "mandate", shown)
    choices = (
        Choice(id=CONFIRM, label=localizer.text("They decline: I have heard it"), approve=approve),
        Choice(id=DECLINE, label=localizer.text("Stop: nothing of it counts"), style="danger"),
    )
    intro = refusal_doc(session, member, met.meeting, localizer)
    ask(scene, met, REFUSAL, (*intro, Paragraph(text)), choices)


class Over(ChatJob[Parts]):
    """The time for the witness's signature is over: what was written counts no more."""

    def finish(self, txn: Cursor, job: Job, result: Mapping[str, Any], now_ms: int) -> None:  # noqa: ARG002 -- of the protocol
        """Withdraw it, and tell the registrar."""
        scene = self._parts.conversation(txn, job.id, now_ms)
        session = scene.session(job.payload["session"])
        meeting = store.of_id(txn, job.payload["meeting"])
        member = None if session is None else session.member(job.payload["party"])
        if session is None or member is None or meeting is None:
            return
        if meeting.state is not MeetingState.WRITTEN:
            return
        is_open = session.state is State.OPEN
        if is_open and member.party.state is PartyState.WRITTEN:
            session = scene.save(withdrawn(scene, session, member))
        else:
            store.save(txn, attrs.evolve(meeting, state=MeetingState.REFUSED), now_ms)
        member = session.member(member.id) or member
        if is_open and member.party.state in CAN_ACT:
            _tell_over(scene, session, member, meeting)


def _tell_over(scene: Conversation, session: Session, member: Member, meeting: Meeting) -> None:
    person = meeting.registrar
    room_id, localizer = scene.chat_of(person), scene.localizer(person)
    scene.close(about_of(session.id, member.id), person, localizer.text("It is over."))
    if room_id is not None:
        scene.tell(room_id, person, over_doc(member, localizer))
