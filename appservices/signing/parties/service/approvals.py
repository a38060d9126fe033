"""Exact facts of a party's approval, so that their key signs this and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from appservices.signing.authority.core.levels import Level
from appservices.signing.guardians.service import guarding
from appservices.signing.parties.api.parties import AskedView
from appservices.signing.parties.service.acting import able, check_time
from appservices.signing.sessions.core.errors import (
    ApprovalMismatchError,
    ClauseError,
    SignatureLevelError,
)
from appservices.signing.sessions.core.hand import writer_of
from appservices.signing.sessions.core.parties import Role
from appservices.signing.sessions.core.records import (
    IN_FILE,
    ClauseKind,
    clauses_of,
    parties_sha256,
)
from appservices.signing.sessions.service.views import digest_view
from veche.access.approvals import SIGNATURE_ASKED_MS, by_page
from veche.protocol.approval import ShownClause, ShownDocument, SignatureShown
from veche.protocol.unpadded_base64 import encode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.parties.api.parties import AskBody, ClauseAnswer
    from appservices.signing.sessions.core.errors import GuardiansError
    from appservices.signing.sessions.core.records import Clause, Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.approval import ShownHand

_WITH_FIELD: Final = frozenset({Role.SIGNER, Role.CLERK, Role.WITNESS})


def ask(
    scene: Conversation, session: Session, member: Member, body: AskBody
) -> AskedView | GuardiansError:
    """Ask for the approval of a signature, in place of an earlier question.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: That is locked.
        member: Whose page asks.
        body: What they chose there.

    Returns:
        What their key has to sign; or that their guardians, who are asked, have to agree first.

    Raises:
        NotNowError: The session is not open, or its time is over.
        AlreadySignedError: They have signed.
        NotYourTurnError: It is not their turn.
        SignatureLevelError: The document asks for another level.
        ClauseError: A clause was not answered, or refused.
    """
    check_time(scene, session, able(session, member.id))
    shown = shown_of(session, member, body)
    waits = None if body.is_refusal else guarding.request(scene, session, member)
    if waits is not None:
        return waits
    asked = by_page.ask_signature(scene.txn, member.user_id, shown, scene.now_ms)
    return AskedView(
        asked=asked.model_dump(mode="json", exclude_none=True),
        now_ms=scene.now_ms,
        expires_at_ms=scene.now_ms + SIGNATURE_ASKED_MS,
    )


def shown_of(session: Session, member: Member, body: AskBody) -> SignatureShown:
    """All that a party's page shows of their signature.

    Raises:
        SignatureLevelError: The document asks for another level.
        ClauseError: A clause was not answered, or refused.
    """
    check_level(member, Level(body.level))
    return SignatureShown(
        **facts_of(session, member).model_dump(),
        level=body.level,
        read=body.read,
        clauses=shown_clauses(clauses_of(session, member), body.clauses),
        key=body.key,
    )


def facts_of(session: Session, member: Member) -> ShownDocument:
    """Return the facts that are shown of a document, whatever else is signed with it."""
    paper, subject = session.paper, session.subject
    assert paper is not None, "an open session has a document"  # noqa: S101 -- our bug
    return ShownDocument(
        title=None if session.is_blind else subject.title,
        title_sha256=digest_view(session.title_sha256),
        sha256=encode_base64(paper.sha256),
        size=paper.size,
        pages=paper.pages,
        requester=subject.requester_name,
        session=session.id,
        party=member.id,
        role=member.party.role.value,  # type: ignore[arg-type]  # seals and viewers never ask
        code=session.code,
        parties_sha256=encode_base64(parties_sha256(session.members, session.stages)),
        effect=session.effect.value,
        hand=_hand(session, member),
    )


def _hand(session: Session, member: Member) -> ShownHand | None:
    """Return the handwriting that a witness saw; None: they are no witness."""
    writer = writer_of(session, member)
    return None if writer is None or writer.written is None else writer.written.shown


def check_shown(session: Session, member: Member, shown: SignatureShown, person: str) -> None:
    """Make sure that what was approved is still what the session is, and by whom.

    Args:
        session: As it is now.
        member: Whose page hands it in.
        shown: What was approved.
        person: Who has approved it.

    Raises:
        ApprovalMismatchError: It is not.
    """
    if person != member.person:
        raise ApprovalMismatchError("person")
    told = shown.facts_of(session.id)
    if told is None or session.paper is None:
        raise ApprovalMismatchError("session")
    for field, value in facts_of(session, member):
        if getattr(told, field) != value:
            raise ApprovalMismatchError(field)


def check_level(member: Member, level: Level) -> None:
    """Make sure that somebody may sign at a level.

    Raises:
        SignatureLevelError: The document asks for another one.
    """
    has_field = bool(member.field) and member.party.role in _WITH_FIELD
    if level in IN_FILE and not has_field:
        raise SignatureLevelError(Level.APPROVAL.value)
    if has_field and level.rank < member.level_min.rank:
        raise SignatureLevelError(member.level_min.value)


def shown_clauses(
    asked: Sequence[Clause], answers: Sequence[ClauseAnswer]
) -> tuple[ShownClause, ...]:
    """The clauses of a party with what they answered.

    Raises:
        ClauseError: One was not answered, or refused.
    """
    by_id = {one.id: one.accepted for one in answers}
    known = {one.id for one in asked if one.kind is not ClauseKind.REQUIRED}
    for one in answers:
        if one.id not in known:
            raise ClauseError(one.id, f"This document has no clause {one.id} to be answered.")
    if len(by_id) != len(answers):
        raise ClauseError(answers[-1].id, "A clause was answered twice.")
    found: list[ShownClause] = []
    for clause in asked:
        is_accepted = clause.kind is ClauseKind.REQUIRED or by_id.get(clause.id)
        if is_accepted is None:
            raise ClauseError(clause.id, f"Please answer the clause “{_called(clause)}”.")
        if not is_accepted and clause.kind is ClauseKind.UNFAIR:
            raise ClauseError(
                clause.id,
                f"Who does not agree to “{_called(clause)}” cannot sign. You can decline instead.",
            )
        found.append(_shown(clause, is_accepted=is_accepted))
    return tuple(found)


def _called(clause: Clause) -> str:
    return clause.title or clause.id


def _shown(clause: Clause, *, is_accepted: bool) -> ShownClause:
    return ShownClause(
        id=clause.id,
        title=clause.title or None,
        title_sha256=digest_view(clause.title_sha256),
        accepted=is_accepted,
    )
