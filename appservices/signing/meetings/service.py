"""Handwriting and its witness: only the two together count, in one transaction.

The witness signs in the file with their own key; their approval names the digest of the record of
what was written. The moment that signature is taken, the writer has signed too, at level S0. Until
then nothing was signed, and it can be withdrawn without a trace in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from appservices.signing.authority.core.levels import Level
from appservices.signing.cards.service import cards
from appservices.signing.certificates import store as certificates
from appservices.signing.meetings import store as meetings
from appservices.signing.meetings.core import MeetingInput, MeetingState, about_of, step
from appservices.signing.sessions.core.errors import NotRegistrarError, NotWrittenError
from appservices.signing.sessions.core.hand import WITHDRAWN, is_written, witness_of, writer_of
from appservices.signing.sessions.core.parties import CAN_ACT, PartyState
from appservices.signing.sessions.store import signatures
from appservices.signing.sessions.store.signatures import Signature
from veche.messaging import jobs
from veche.protocol.approval import Approval, SignatureShown
from veche.protocol.ids import effect_id

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.approval import ShownHand
    from veche.protocol.ids import EffectId

HAND: Final = "hand"
"""Key, in the details of a signature, of what was written by hand."""
OVER: Final = "signing.hand"
"""Job: the time for the witness's signature is over."""


def check(scene: Conversation, session: Session, member: Member) -> None:
    """Make sure that a witness of what is written by hand may sign that; others may.

    Raises:
        NotWrittenError: Nothing was, or it counts no more.
        NotRegistrarError: They may see nobody's papers any more.
    """
    writer = writer_of(session, member)
    if writer is None:
        return
    if not is_written(session, member) or writer.written is None:
        raise NotWrittenError
    if scene.now_ms >= writer.written.until_ms:
        raise NotWrittenError
    if not scene.section.registers_for(member.user_id):
        raise NotRegistrarError


def counted(
    scene: Conversation, session: Session, witness: Member, signature: Signature
) -> Session:
    """The session in which who wrote by hand has signed as well, now that the witness does.

    Args:
        scene: The transaction.
        session: Locked.
        witness: Who signs; whoever is no witness of that changes nothing here.
        signature: Theirs.

    Raises:
        NotWrittenError: It was approved of something else that was written before.
    """
    writer = writer_of(session, witness)
    if writer is None:
        return session
    written = writer.written
    if written is None or _approved(scene, session, signature.nonce) != written.shown:
        raise NotWrittenError
    said = meetings.said_in(scene.txn, scene.vault, written.meeting)
    if said is None:
        raise NotWrittenError
    details = {
        HAND: {"record": written.record.told, "drawing": said["drawing"]},
        "read": written.record.read,
        "clauses": {one.id: one.accepted for one in written.record.clauses},
    }
    at_ms = written.record.written_at_ms
    mark = Signature(writer.id, Level.CLICK, at_ms, details=details)
    signatures.add(scene.txn, scene.vault, session.id, mark)
    scene.record(session, "signed", writer.id, {"level": mark.level.value, "witness": witness.id})
    meeting = meetings.of_id(scene.txn, written.meeting)
    if meeting is not None:
        meeting = step(meeting, MeetingInput.IDENTIFY, scene.now_ms)
        meetings.save(scene.txn, meeting, scene.now_ms)
    _end(scene, session, writer, written.meeting)
    session = _with(session, attrs.evolve(writer, written=None))
    return session.with_plan(session.plan.with_state(writer.id, PartyState.SIGNED))


def withdrawn(scene: Conversation, session: Session, writer: Member) -> Session:
    """The session in which what somebody wrote counts no more, and they can write anew.

    Returns:
        It, to be saved; unchanged if nothing was written.
    """
    written, witness = writer.written, witness_of(session, writer)
    if written is None or witness is None or writer.party.state is not PartyState.WRITTEN:
        return session
    meeting = meetings.of_id(scene.txn, written.meeting)
    if meeting is not None:
        over = attrs.evolve(meeting, state=MeetingState.REFUSED)
        meetings.save(scene.txn, over, scene.now_ms)
    _end(scene, session, writer, written.meeting)
    certificates.forget_approved(scene.txn, session.id, witness.id)
    scene.record(session, WITHDRAWN, writer.id)
    session = _with(session, attrs.evolve(writer, written=None))
    plan = session.plan.with_state(writer.id, PartyState.VIEWED)
    if witness.party.state in CAN_ACT:
        plan = plan.with_state(witness.id, PartyState.WAITING)
    session = session.with_plan(plan)
    for one in (writer, witness):
        session = cards.show(scene, session, one.id)
    return session


def _end(scene: Conversation, session: Session, writer: Member, meeting: str) -> None:
    """End the clock of what was written, and what the registrar is still asked about it."""
    jobs.cancel(scene.txn, job_id(meeting))
    if writer.registrar is not None:
        person = writer.registrar.person
        words = scene.localizer(person).text("It is over.")
        scene.close(about_of(session.id, writer.id), person, words)


def job_id(meeting: str) -> EffectId:
    """Return the id of the clock of a meeting's handwriting."""
    return effect_id(OVER, meeting)


def _approved(scene: Conversation, session: Session, nonce: str | None) -> ShownHand | None:
    """Return the handwriting that a witness approved."""
    if nonce is None:
        return None
    evidence = scene.approvals.authorised(scene.txn, nonce)
    shown = Approval.model_validate_json(evidence.signed).shown
    told = shown.facts_of(session.id) if isinstance(shown, SignatureShown) else None
    return None if told is None else told.hand


def _with(session: Session, member: Member) -> Session:
    members = tuple(member if one.id == member.id else one for one in session.members)
    return attrs.evolve(session, members=members)
