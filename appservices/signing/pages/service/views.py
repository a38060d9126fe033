"""A session as its parties see it over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from appservices.signing.evidence.core.handwriting import Drawing
from appservices.signing.meetings import store as meetings
from appservices.signing.parties.api.parties import (
    DocumentView,
    RevisionView,
    SessionView,
    StageView,
    WrittenView,
    YouView,
)
from appservices.signing.parties.api.providers import ProviderView
from appservices.signing.private.service import closing
from appservices.signing.sessions.core.hand import witness_of, writer_of
from appservices.signing.sessions.core.parties import CAN_ACT, Role
from appservices.signing.sessions.core.records import clause_field, clauses_of, parties_sha256
from appservices.signing.sessions.core.session import State
from appservices.signing.sessions.service import keeping
from appservices.signing.sessions.service.views import clause_view, digest_view
from appservices.signing.sessions.store import blobs, revisions, signatures
from appservices.signing.signatures.service.certifying import proofs_view
from appservices.signing.signatures.service.own_certificates import (
    authority_views,
    signed_view,
    stamper_views,
    told_view,
)
from veche.contracts.signing.signing_api import PartyView
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.store.revisions import Revision
    from appservices.signing.sessions.store.signatures import Signature

_NO_ACTION = frozenset({Role.SEAL, Role.VIEWER})


def session_view(scene: Conversation, session: Session, member: Member) -> SessionView:
    """A session that was sent, as one of its parties sees it."""
    paper = session.paper
    assert paper is not None, "a session that was sent has a document"  # noqa: S101 -- our bug
    is_open = session.state is State.OPEN
    can_act = is_open and member.party.state in CAN_ACT and member.party.role not in _NO_ACTION
    can_act = can_act and not member.is_unknown
    is_deleted = keeping.is_forgotten(scene, session)
    return SessionView(
        session=session.id,
        mode=session.mode.value,
        state=session.state.value,
        title=None if session.is_blind else session.subject.title,
        title_sha256=digest_view(session.title_sha256),
        filename=None if session.is_blind else (session.subject.filename or None),
        matter=_private_matter(scene, session),
        requester=session.subject.requester_name,
        effect=session.effect.value,
        may_delegate=session.may_delegate,
        deadline_at_ms=session.deadline_at_ms,
        code=session.code,
        parties_sha256=encode_base64(parties_sha256(session.members, session.stages)),
        document=DocumentView(
            sha256=encode_base64(paper.sha256),
            size=paper.size,
            pages=paper.pages,
            blob=paper.blob_sha256.hex(),
            is_signed=session.subject.before is not None,
            name=(session.subject.filename or None) if session.has_container else None,
            kind=session.subject.kind or None,
        ),
        clauses=[
            clause_view(
                one, clause_field(member.field, one.id) if member.field in one.fields else None
            )
            for one in clauses_of(session, member)
        ],
        stages=[StageView(need=one.need, parties=list(one.parties)) for one in session.stages],
        parties=party_views(scene, session),
        you=YouView(
            party=member.id,
            role=member.party.role.value,
            level=member.level_min.value,  # type: ignore[arg-type]  # never that of a seal
            field=member.field or None,
            state=member.party.state.value,
            can_act=can_act,
            own=told_view(scene, session, member),
            sees=None if (writer := writer_of(session, member)) is None else writer.id,
            written=_written(scene, writer),
        ),
        revisions=[] if is_deleted else _revisions(scene, session),
        proofs=proofs_view(scene.parts.authorities),
        authorities=authority_views(scene.parts.authorities),
        stampers=stamper_views(scene.parts.authorities),
        is_stamped_elsewhere=bool(scene.parts.authorities.stamp_roots),
        providers=[ProviderView(id=one.id, name=one.name) for one in scene.parts.section.providers],
        final_sha256=digest_view(session.final_sha256),
        is_to_close=closing.is_to_close(session, member),
        is_to_renew=closing.is_to_renew(scene, session, member),
        stamp_hash=scene.parts.signing.stamp_hash,
        deletes_at_ms=None if is_deleted else keeping.forgotten_at_ms(scene, session),
        is_deleted=is_deleted,
        may_delete=session.requester == member.person and keeping.may_ask(scene, session),
        is_yours=session.requester == member.person,
        report=_report(scene, session),
        now_ms=scene.now_ms,
    )


def _report(scene: Conversation, session: Session) -> str | None:
    """Under which name the ciphertext of the report is here."""
    if session.is_blind:
        return None
    digest = blobs.digest_of(scene.txn, session.id, "evidence")
    return None if digest is None else digest.hex()


def _revisions(scene: Conversation, session: Session) -> list[RevisionView]:
    return [_revision(one) for one in revisions.of_session(scene.txn, session.id)]


def _private_matter(scene: Conversation, session: Session) -> str | None:
    """Ciphertext of what only browsers know."""
    if not session.is_blind:
        return None
    cipher = blobs.of_kind(scene.txn, session.id, "matter")
    return None if cipher is None else encode_base64(cipher)


def party_views(scene: Conversation, session: Session) -> list[PartyView]:
    """All who take part, with what they have done."""
    signed = {one.party: one for one in signatures.of_session(scene.txn, scene.vault, session.id)}
    return [_party(scene, session, one, signed.get(one.id)) for one in session.members]


def _party(
    scene: Conversation, session: Session, member: Member, signature: Signature | None
) -> PartyView:
    acts_for = next((one.id for one in session.members if one.delegated_to == member.id), None)
    return PartyView(
        party=member.id,
        role=member.party.role.value,
        name=member.name,
        user=member.person,
        state=member.party.state.value,
        level_min=None if member.party.role in _NO_ACTION else member.level_min.value,  # type: ignore[arg-type]  # never that of a seal
        level=None if signature is None else signature.level.value,
        certificate=None if signature is None else signed_view(scene, signature),
        at_ms=None if signature is None else signature.at_ms,
        acts_for=acts_for,
        witness_of=member.party.of or None,
        identified_by=None if member.identified is None else member.identified.by.name,
        by_hand=member.is_by_hand,
        witnessed_by=_witnessed_by(session, member, signature),
    )


def _witnessed_by(session: Session, member: Member, signature: Signature | None) -> str | None:
    """Return the witness who signed for a party's handwriting."""
    witness = witness_of(session, member)
    return None if witness is None or signature is None else witness.name


def _written(scene: Conversation, writer: Member | None) -> WrittenView | None:
    """Return the view that a witness has to see before they sign."""
    if writer is None or writer.written is None:
        return None
    meeting = meetings.of_id(scene.txn, writer.written.meeting)
    said = meetings.said_in(scene.txn, scene.vault, writer.written.meeting)
    if meeting is None or said is None:
        return None
    return WrittenView(
        record=writer.written.record,
        sha256=writer.written.record.sha256,
        drawing=parse(Drawing, said["drawing"], where="drawing"),
        code=meeting.code,
        until_ms=writer.written.until_ms,
    )


def _revision(revision: Revision) -> RevisionView:
    return RevisionView(
        number=revision.number,
        party=revision.party,
        previous_sha256=encode_base64(revision.previous_sha256),
        sha256=encode_base64(revision.sha256),
        size=revision.size,
        increment=encode_base64(revision.increment),
    )
