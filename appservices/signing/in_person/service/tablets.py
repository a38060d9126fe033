"""Tablets of an office for people without a phone: entry by a link, and the handwriting.

The tablet has no key and no account. It shows that it is the one that came in by a secret that it
makes and keeps in its memory alone; closed, it is a stranger. What is said on it is told to the
registrar, who looks at the person, the papers and the digits, and acts with their own key.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.cards.service import cards
from appservices.signing.evidence.core.handwriting import Drawing
from appservices.signing.in_person.api import TabletView
from appservices.signing.in_person.service import meetings
from appservices.signing.meetings import store
from appservices.signing.meetings.core import Meeting, MeetingInput, MeetingState, step
from appservices.signing.meetings.service import OVER, job_id, withdrawn
from appservices.signing.pages.service.views import session_view
from appservices.signing.parties.service import acting
from appservices.signing.parties.service.approvals import shown_clauses
from appservices.signing.sessions.core.errors import (
    MeetingOverError,
    NotRegistrarError,
    NotYourTurnError,
)
from appservices.signing.sessions.core.guests import Written, is_same_name
from appservices.signing.sessions.core.hand import record_of, witness_of
from appservices.signing.sessions.core.parties import CAN_ACT, PartyState
from appservices.signing.sessions.core.records import (
    REASON_CHARACTERS_MAX,
    clauses_of,
    parties_sha256,
)
from appservices.signing.sessions.core.session import NotNowError, State
from veche.messaging import jobs
from veche.messaging.jobs import Job
from veche.protocol.approval import ShownClause
from veche.protocol.errors import MalformedError, NotFoundError
from veche.protocol.unpadded_base64 import decode_base64
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from appservices.signing.in_person.api import HandBody, RefusalBody, TabletBody
    from appservices.signing.sessions.core.guests import Papers
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation

Found = tuple[Meeting, "Session", "Member"]
AGREED: Final = "agreed"
DECLINED: Final = "declined"


def claim(scene: Conversation, found: Found, body: TabletBody) -> Meeting:
    """A tablet comes in; the same one again finds what it had found.

    Raises:
        NotFoundError: The link is for a phone.
        MeetingOverError: Another tablet came in, or it is too late.
        NotNowError: The session takes no signatures.
    """
    meeting, session, member = found
    if not member.is_by_hand:
        raise NotFoundError(meetings.NO_SUCH)
    digest = decode_base64(body.secret_sha256)
    if meeting.tablet == digest and meeting.state is MeetingState.CLAIMED:
        return meeting
    _check_open(scene, session, member)
    meeting = attrs.evolve(step(meeting, MeetingInput.CLAIM, scene.now_ms), tablet=digest)
    store.save(scene.txn, meeting, scene.now_ms)
    scene.record(session, "tablet", member.id)
    acting.viewed(scene, session, member.id)
    return meeting


def check_tablet(meeting: Meeting, secret: str) -> None:
    """Make sure that it is the tablet that came in.

    Raises:
        MeetingOverError: It is another one, or was closed meanwhile.
    """
    try:
        digest = hashlib.sha256(decode_base64(secret)).digest()
    except ValueError:
        digest = b""
    if meeting.tablet is None or not hmac.compare_digest(meeting.tablet, digest):
        raise MeetingOverError


def check_reading(scene: Conversation, found: Found) -> None:
    """Make sure that the document is still read on the tablet: only then it gets it.

    Raises:
        MeetingOverError: It is not.
    """
    step(found[0], MeetingInput.WRITE, scene.now_ms)


def agree(scene: Conversation, found: Found, body: HandBody) -> Meeting:
    """Somebody has agreed on the tablet and written their name; it counts for nothing yet.

    The same once more changes nothing: the tablet did not get the answer.

    Raises:
        MeetingOverError: It is too late, or they have said something else before.
        NotNowError: The session takes no signatures.
        ClauseError: A clause was not answered, or refused.
        MalformedError: The typed name is not that of the document.
    """
    meeting, session, member = found
    if meeting.state is not MeetingState.WRITTEN:
        _check_open(scene, session, member)
    if not is_same_name(body.name, member.name):
        raise MalformedError("name", "is another than the document has: ask who gave you this")
    clauses = shown_clauses(clauses_of(session, member), body.clauses)
    said = {
        "what": AGREED,
        "drawing": body.drawing.model_dump(mode="json"),
        "clauses": [one.model_dump(mode="json", exclude_none=True) for one in clauses],
        "at_ms": scene.now_ms,
    }
    return _said(scene, meeting, session, member, said)


def decline(scene: Conversation, found: Found, body: RefusalBody) -> Meeting:
    """Somebody has said on the tablet that they do not sign; the registrar has to confirm it.

    The same once more changes nothing.

    Raises:
        MeetingOverError: It is too late, or they have said something else before.
        NotNowError: The session takes no signatures.
    """
    meeting, session, member = found
    if meeting.state is not MeetingState.WRITTEN:
        _check_open(scene, session, member)
    words = body.reason[:REASON_CHARACTERS_MAX]
    said = {"what": DECLINED, "code": body.reason_code, "words": words, "at_ms": scene.now_ms}
    return _said(scene, meeting, session, member, said)


def _said(
    scene: Conversation, meeting: Meeting, session: Session, member: Member, said: Mapping[str, Any]
) -> Meeting:
    before = said_of(scene, meeting)
    if before is not None and {**before, "at_ms": scene.now_ms} == said:
        step(meeting, MeetingInput.IDENTIFY, scene.now_ms)  # in time
        return meeting
    meeting = step(meeting, MeetingInput.WRITE, scene.now_ms)
    store.save(scene.txn, meeting, scene.now_ms)
    store.keep_said(scene.txn, scene.vault, meeting.id, said)
    scene.record(session, "wrote", member.id, {"what": said["what"]})
    payload = {"session": session.id, "party": member.id, "meeting": meeting.id}
    id_ = job_id(meeting.id)
    jobs.schedule(scene.txn, Job(id_, OVER, payload, meeting.expires_at_ms))
    return meeting


def vouch(
    scene: Conversation, session: Session, member: Member, meeting: Meeting, papers: Papers
) -> Session:
    """The registrar has seen the papers of who wrote: they are asked to sign as the witness.

    Raises:
        MeetingOverError: It is too late, or nothing was written.
        NotRegistrarError: The registrar is none any more.
        NotNowError: The session takes no signatures.
    """
    step(meeting, MeetingInput.IDENTIFY, scene.now_ms)
    _check_open(scene, session, member)
    witness, said = witness_of(session, member), said_of(scene, meeting)
    if witness is None or said is None or said["what"] != AGREED:
        raise MeetingOverError
    if not scene.section.registers_for(witness.user_id):
        raise NotRegistrarError
    record = record_of(
        session,
        member,
        parse(Drawing, said["drawing"], where="drawing"),
        [parse(ShownClause, one, where="clause") for one in said["clauses"]],
        parties_sha256=parties_sha256(session.members, session.stages),
        written_at_ms=said["at_ms"],
        papers=papers,
    )
    written = Written(meeting.id, record, meeting.expires_at_ms)
    members = tuple(
        attrs.evolve(one, written=written) if one.id == member.id else one
        for one in session.members
    )
    session = attrs.evolve(session, members=members)
    scene.record(session, "seen", member.id, {"papers": papers.value})
    plan = session.plan.with_state(member.id, PartyState.WRITTEN)
    session = session.with_plan(plan.with_state(witness.id, PartyState.INVITED))
    scene.record(session, "invited", witness.id)
    for one in (member, witness):
        session = cards.show(scene, session, one.id)
    return scene.save(session)


def refuse(scene: Conversation, session: Session, member: Member, meeting: Meeting) -> None:
    """The registrar has not seen that, or it is somebody else: nothing counts.

    Raises:
        MeetingOverError: It is over.
    """
    if member.party.state is PartyState.WRITTEN:
        scene.save(withdrawn(scene, session, member))
        return
    jobs.cancel(scene.txn, job_id(meeting.id))
    meetings.refuse(scene, meeting)


def confirm_refusal(
    scene: Conversation, session: Session, member: Member, meeting: Meeting
) -> Session:
    """The registrar has said with their key that somebody declined before them.

    Raises:
        MeetingOverError: It is too late, or they have said something else.
        NotNowError: The session takes no signatures.
    """
    meeting = step(meeting, MeetingInput.IDENTIFY, scene.now_ms)
    said = said_of(scene, meeting)
    if said is None or said["what"] != DECLINED:
        raise MeetingOverError
    jobs.cancel(scene.txn, job_id(meeting.id))
    store.save(scene.txn, meeting, scene.now_ms)
    return acting.declined(scene, session, member.id, said["code"], said["words"], is_said_for=True)


def said_of(scene: Conversation, meeting: Meeting) -> Mapping[str, Any] | None:
    """Return what was written or said on a meeting's tablet; None: nothing."""
    return store.said_in(scene.txn, scene.vault, meeting.id)


def view(scene: Conversation, found: Found) -> TabletView:
    """All that the tablet shows."""
    meeting, session, member = found
    session = session if (fresh := scene.session(session.id)) is None else fresh
    member = session.member(member.id) or member
    return TabletView(
        **meetings.told_of(scene, meeting, member),
        code=meeting.code,
        view=session_view(scene, session, member),
    )


def _check_open(scene: Conversation, session: Session, member: Member) -> None:
    if session.state is not State.OPEN:
        raise NotNowError(session.state)
    if not member.is_by_hand or member.party.state not in CAN_ACT:
        raise NotYourTurnError("There is nobody here who writes by hand now")
    acting.check_time(scene, session, member)
