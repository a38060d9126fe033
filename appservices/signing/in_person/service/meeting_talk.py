"""A registrar's statements on a guest: that they are here, their document, who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from appservices.signing.cards.service import guest_cards
from appservices.signing.cards.service.guest_cards import HERE
from appservices.signing.cards.texts.guests import PAPERS, name_doc
from appservices.signing.in_person.service import meetings, tablet_talk
from appservices.signing.in_person.service.meeting_asking import NAME, Met, ask, say, what_of
from appservices.signing.in_person.texts.meeting import (
    attest_doc,
    attested_text,
    here_doc,
    identified_doc,
    left_doc,
    meeting_refused_doc,
    other_name_doc,
)
from appservices.signing.meetings import store
from appservices.signing.meetings.core import MeetingInput, about_of, step
from appservices.signing.sessions.core.errors import MeetingOverError
from appservices.signing.sessions.core.guests import Papers, is_same_name
from appservices.signing.sessions.core.topics import Topic
from veche.access.approvals import revoked_among
from veche.chat import prompts
from veche.protocol.approval import MandateShown, showable
from veche.protocol.errors import RefusedError
from veche.protocol.message import Paragraph
from veche.protocol.prompts import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from appservices.signing.meetings.core import Meeting
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.chat.prompts import Answered
    from veche.protocol.ids import RoomId, UserId
    from veche.protocol.inbound import Inbound

WHICH: Final = Topic.MEET_PAPERS
ATTEST: Final = Topic.MEET_ATTEST
TOPICS: Final = frozenset({Topic.MEET, WHICH, NAME, ATTEST, *tablet_talk.TOPICS})
STOP: Final = "stop"
SEEN: Final = "seen"
DECLINE: Final = "decline"
_NAME_CHARACTERS_MAX: Final = 200


def begin(scene: Conversation, inbound: Inbound, argument: str) -> None:
    """A registrar types that a guest is here: the number of the document, and which party."""
    person, room_id = inbound.sender, inbound.room_id
    localizer, waiting = scene.localizer(person), _waiting(scene, inbound)
    words = argument.split()
    found = [
        (session, member)
        for session, member in waiting
        if all(session.id.endswith(one.upper()) or member.id == one.lower() for one in words)
    ]
    if len(found) == 1:
        _offer(scene, *found[0], room_id)
    else:
        scene.tell(room_id, person, here_doc(found or waiting, localizer))


def came(scene: Conversation, meeting: Meeting, session: Session, member: Member) -> None:
    """A phone has opened the link: ask the registrar which identity document they see."""
    person = meeting.registrar
    room_id = scene.chat_of(person)
    if room_id is None:
        return
    localizer = scene.localizer(person)
    choices = [Choice(id=one.value, label=localizer.text(words)) for one, words in PAPERS.items()]
    stop = Choice(
        id=STOP,
        label=localizer.text("The phone shows another code, or I cannot tell who it is"),
        style="danger",
    )
    intro = attest_doc(session, member, meeting.code, localizer)
    met = Met(session, member, meeting, room_id)
    ask(scene, met, WHICH, intro, (*choices, stop))


def left(scene: Conversation, meeting: Meeting, session: Session, member: Member) -> None:
    """Tell the registrar that the guest does not want to go on."""
    person = meeting.registrar
    room_id = scene.chat_of(person)
    if room_id is not None:
        localizer = scene.localizer(person)
        doc = left_doc(member, localizer)
        scene.close(about_of(session.id, member.id), person, localizer.text("It is over."))
        scene.tell(room_id, person, doc)


def answered(scene: Conversation, answered: Answered) -> None:
    """A registrar has chosen something."""
    found = _guest_session(scene, answered.kept.purpose, answered.inbound.sender)
    if found is None:
        return
    session, member = found
    room_id, person = answered.inbound.room_id, answered.inbound.sender
    purpose, choice = answered.kept.purpose, answered.chosen.choice or ""
    topic = purpose["topic"]
    if topic == Topic.MEET:
        if choice == HERE:
            _offer(scene, session, member, room_id)
        return
    label = answered.kept.prompt.choice(choice)
    nonce = answered.chosen.approved_by
    is_settled = scene.settle(answered, label.label if label is not None else "")
    if not is_settled and not (nonce and revoked_among(scene.txn, [nonce])):
        return
    try:
        met = Met(session, member, _current(scene, session, member, purpose), room_id)
    except RefusedError as e:
        say(scene, room_id, person, member, e)
        return
    if not is_settled:
        _ask_again(scene, met, purpose)
        return
    try:
        _done(scene, met, purpose, choice, nonce)
    except RefusedError as e:
        say(scene, room_id, person, member, e)


def _done(
    scene: Conversation, met: Met, purpose: Mapping[str, Any], choice: str, nonce: str | None
) -> None:
    """Apply a registrar's choice, in a meeting that goes on.

    Raises:
        RefusedError: It is not done, and nothing has changed.
    """
    session, member, topic = met.session, met.member, purpose["topic"]
    if topic in tablet_talk.TOPICS:
        tablet_talk.answered(scene, met, topic, choice, nonce)
    elif topic == WHICH and choice in {one.value for one in Papers}:
        _ask_name(scene, met, Papers(choice))
    elif topic == ATTEST and choice == SEEN and nonce is not None:
        papers = Papers(str(purpose.get("papers")))
        session = meetings.identify(scene, session, member, met.meeting, papers, nonce)
        scene.tell(met.room_id, met.person, identified_doc(member, scene.localizer(met.person)))
        guest = session.member(member.id) or member
        guest_cards.show(scene, session, guest, met.room_id, is_asked=False)
    else:
        tablet_talk.refuse(scene, session, member, met.meeting)
        scene.tell(
            met.room_id, met.person, meeting_refused_doc(member, scene.localizer(met.person))
        )


def _ask_again(scene: Conversation, met: Met, purpose: Mapping[str, Any]) -> None:
    """The key that gave their word counts no more; what is to be approved is as before."""
    if purpose["topic"] == ATTEST:
        _ask_word(scene, met, Papers(str(purpose["papers"])))
    else:
        tablet_talk.said(scene, met.meeting, met.session, met.member)


def heard(scene: Conversation, inbound: Inbound, purpose: Mapping[str, str], words: str) -> None:
    """A registrar has written the name that stands in the identity document."""
    found = _guest_session(scene, purpose, inbound.sender)
    if found is None:
        return
    session, member = found
    room_id, person = inbound.room_id, inbound.sender
    localizer, typed = scene.localizer(person), showable(words)[:_NAME_CHARACTERS_MAX].strip()
    try:
        meeting = _current(scene, session, member, purpose)
    except RefusedError as e:
        scene.close(about_of(session.id, member.id), person, typed[:100] or "–")
        say(scene, room_id, person, member, e)
        return
    papers, met = Papers(purpose["papers"]), Met(session, member, meeting, room_id)
    if not is_same_name(typed, member.name):
        scene.tell(room_id, person, other_name_doc(member, typed[:100], localizer))
        _ask_name(scene, met, papers)
    elif member.is_by_hand:
        try:
            tablet_talk.seen(scene, met, papers, typed)
        except RefusedError as e:
            say(scene, room_id, person, member, e)
    else:
        _ask_word(scene, met, papers)


def _offer(scene: Conversation, session: Session, member: Member, room_id: RoomId) -> None:
    person = _registrar(member)
    words = scene.localizer(person).text("This question was replaced by the one below.")
    scene.close(about_of(session.id, member.id), person, words)
    try:
        meetings.offer(scene, session, member, room_id)
    except RefusedError as e:
        say(scene, room_id, person, member, e)


def _ask_name(scene: Conversation, met: Met, papers: Papers) -> None:
    localizer = scene.localizer(met.person)
    stop = Choice(id=STOP, label=localizer.text("Stop: nobody signs"), style="danger")
    ask(scene, met, NAME, name_doc(papers, localizer), (stop,), papers=papers.value)


def _ask_word(scene: Conversation, met: Met, papers: Papers) -> None:
    """Ask the registrar to say with their key what they have seen."""
    localizer, meeting = scene.localizer(met.person), met.meeting
    text = attested_text(met.session, met.member, papers, meeting.code, localizer)
    shown = MandateShown(what=what_of(meeting), text=text, until_ms=meeting.expires_at_ms)
    approve = scene.approvals.asked(scene.sender, met.person, "mandate", shown)
    choices = (
        Choice(id=SEEN, label=localizer.text("I have seen it"), approve=approve),
        Choice(id=DECLINE, label=localizer.text("Stop: nobody signs"), style="danger"),
    )
    ask(scene, met, ATTEST, (Paragraph(text),), choices, papers=papers.value)


def _registrar(member: Member) -> UserId:
    assert member.registrar is not None, "a guest has one"  # noqa: S101 -- our bug
    return member.registrar.person


def _guest_session(
    scene: Conversation, purpose: Mapping[str, Any], person: UserId
) -> tuple[Session, Member] | None:
    """The session, locked, and its guest; None unless this person is their registrar."""
    session = scene.session(str(purpose.get("session")))
    member = session.member(str(purpose.get("party"))) if session is not None else None
    if session is None or member is None or member.registrar is None:
        return None
    return (session, member) if member.registrar.person == person else None


def _current(
    scene: Conversation, session: Session, member: Member, purpose: Mapping[str, Any]
) -> Meeting:
    """The meeting that a question is about, if it can go on.

    Raises:
        MeetingOverError: It cannot.
    """
    meeting = store.current(scene.txn, session.id, member.id)
    if meeting is None or meeting.id != purpose.get("meeting"):
        raise MeetingOverError
    step(meeting, MeetingInput.IDENTIFY, scene.now_ms)
    return meeting


def _waiting(scene: Conversation, inbound: Inbound) -> list[tuple[Session, Member]]:
    """The guests who wait for whoever has written."""
    found = []
    for kept in prompts.candidates(scene.txn, inbound, None):
        if kept.is_open and kept.purpose.get("topic") == Topic.MEET:
            matter = _guest_session(scene, kept.purpose, inbound.sender)
            found += [] if matter is None else [matter]
    return found
