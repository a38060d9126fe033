"""The record of a session for its evidence report: put together from what the tables have."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from cryptography import x509

from appservices.signing.authority.core.levels import Level
from appservices.signing.certificates import store as certificates
from appservices.signing.closing.service.evidence import (
    closed_report,
    evidence_report,
    sealed_report,
)
from appservices.signing.evidence.core.handwriting import Drawing, HandRecord
from appservices.signing.evidence.core.record import (
    EVENTS_MAX,
    Evidence,
    EvidenceApproval,
    EvidenceClause,
    EvidenceDeclined,
    EvidenceDelegation,
    EvidenceDocument,
    EvidenceEvent,
    EvidenceHand,
    EvidenceIdentified,
    EvidenceLog,
    EvidenceParty,
    EvidencePolicy,
    EvidenceStage,
)
from appservices.signing.meetings.service import HAND
from appservices.signing.sessions.core.hand import witness_of
from appservices.signing.sessions.core.records import clause_field, fields_of
from appservices.signing.sessions.core.session import ENDED
from appservices.signing.sessions.service.views import digest_view
from appservices.signing.sessions.store import events, signatures
from appservices.signing.signatures.service.own_certificates import named
from veche.documents.asic.container import signature_name
from veche.documents.pki.cms import der_of
from veche.protocol.canonical import canonical
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import parse
from veche.runtime.version import build_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from appservices.signing.certificates.store import Issued
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation, Parts
    from appservices.signing.sessions.store.events import Event
    from appservices.signing.sessions.store.signatures import Signature

FILENAME: Final = "evidence.pdf"


def record_of(scene: Conversation, session: Session, final_sha256: bytes, verdict: str) -> Evidence:
    """All that is known of how a document was signed.

    Args:
        scene: A transaction that reads.
        session: That is being closed.
        final_sha256: Of the closed file.
        verdict: Of the strict check; empty: nobody has signed in the file.
    """
    txn, vault, paper = scene.txn, scene.vault, session.paper
    assert paper is not None, "it was sent"  # noqa: S101 -- our bug
    given = {one.party: one for one in signatures.of_session(txn, vault, session.id)}
    record = events.of_session(txn, vault, session.id)[:EVENTS_MAX]
    issued = {
        one.party: found
        for one in given.values()
        if one.certificate is not None
        and (found := certificates.of_serial(txn, one.certificate)) is not None
    }
    host = scene.parts.host
    return Evidence(
        session=session.id,
        mode=session.mode.value,
        site=host.links.host if host.links is not None else host.server_name,
        state=_state(session),
        effect=session.effect.value,
        document=EvidenceDocument(
            title=session.subject.title,
            title_sha256=digest_view(session.title_sha256),
            sha256=encode_base64(paper.sha256),
            bytes=paper.size,
            pages=paper.pages,
            filename=session.subject.filename if session.has_container else "",
            kind=session.subject.kind,
            code=session.code,
            fields_before=() if session.subject.before is None else session.subject.before.fields,
        ),
        final_sha256=encode_base64(final_sha256),
        created_at_ms=session.sent_at_ms or session.made_at_ms,
        ended_at_ms=session.ended_at_ms or scene.now_ms,
        parties=tuple(_party(session, one, given, issued) for one in session.members),
        stages=tuple(EvidenceStage(parties=one.parties, need=one.need) for one in session.stages),
        events=tuple(
            EvidenceEvent(at_ms=one.at_ms, party=one.party or "", what=one.what) for one in record
        ),
        approvals=tuple(_approvals(scene, session, given.values())),
        certificates=tuple(_certificates(scene.parts, session, issued.values())),
        log=_log(scene, session, issued.values()),
        clauses=tuple(_clauses(session, given.values())),
        delegations=tuple(_delegations(scene, session, record)),
        declined=_declined(session, record),
        identified=tuple(_identified(scene, session)),
        hands=tuple(_hands(session, given)),
        policy=EvidencePolicy(
            roots=_roots(scene.parts, issued.values()),
            leaf_life_ms=_life_ms(issued.values()),
            verifier_version=f"veche {build_version()}",
            verdict=verdict,
        ),
    )


def _log(scene: Conversation, session: Session, issued: Iterable[Issued]) -> dict[str, EvidenceLog]:
    """Prove for each certificate, by its digest, that it is in the log of acts.

    A proof is canonical JSON of ``ActsProof`` with the one act; the log's key verifies it.
    """
    heads, bot = scene.parts.host.act_heads, scene.sender.bot
    found: dict[str, EvidenceLog] = {}
    for one in issued:
        subject = scene.sender.pseudonym(one.person)
        proof = heads.proof(scene.txn, bot.organisation, subject, scene.now_ms, case=session.id)
        for act in proof["acts"]:
            if act["e"] == one.act:
                text = canonical({**proof, "acts": [act]}, where="log").decode()
                digest = encode_base64(hashlib.sha256(one.certificate).digest())
                found[digest] = EvidenceLog(entry=one.act, proof=text)
    return found


def _state(session: Session) -> Literal["completed", "declined", "expired", "cancelled"]:
    """How it ends: what is being closed after the last signature is complete."""
    ended = session.state.value if session.state in ENDED else "completed"
    return cast('Literal["completed", "declined", "expired", "cancelled"]', ended)


def make_report(
    parts: Parts, evidence: Evidence, language: str, now_ms: int, *, is_sealed: bool
) -> bytes:
    """The report, closed by a time stamp; call it in a thread.

    Args:
        parts: Of the process.
        evidence: The record.
        language: Of its words.
        now_ms: UTC.
        is_sealed: Whether with the site's seal, as ``has_seal`` says.

    Raises:
        ForbiddenError: The seal was revoked meanwhile.
        TokenError: The token with a key does not answer.
    """
    zone = parts.section.time_zone
    report = evidence_report(evidence, language=language, time_zone=zone, made_at_ms=now_ms)
    if is_sealed:
        return sealed_report(report, parts.seals, parts.section.id, now_ms)
    return closed_report(report, parts.seals, now_ms)


def has_seal(parts: Parts, now_ms: int) -> bool:
    """Return whether the bot's organisation has a valid seal of its own.

    Without one reports are stamped alone: that a seal was revoked must hold up nobody's file.
    """
    return parts.seals.is_good(parts.section.id, now_ms)


def _party(
    session: Session, one: Member, given: Mapping[str, Signature], issued: Mapping[str, Issued]
) -> EvidenceParty:
    signature, certificate = given.get(one.id), issued.get(one.id)
    sha256, issuer, named_as = None, "", ""
    if certificate is not None:
        made = x509.load_der_x509_certificate(certificate.certificate)
        sha256 = encode_base64(_sha256(made))
        if certificate.is_own:
            issuer, named_as = named(made.issuer), named(made.subject)
    return EvidenceParty(
        party=one.id,
        role=one.party.role.value,
        name=one.name,
        user=one.person,
        state=one.party.state.value,
        level="" if signature is None else signature.level.value,
        field=_field(session, one, None if signature is None else signature.revision),
        of=one.party.of,
        delegated_to=one.delegated_to,
        signed_at_ms=None if signature is None else signature.at_ms,
        certificate_sha256=sha256,
        certificate_name=named_as,
        issuer=issuer,
    )


def _field(session: Session, one: Member, revision: int | None) -> str:
    """Where a party's signature is in the file; empty: nowhere."""
    if revision is None:
        return ""
    return signature_name(revision) if session.has_container else one.field


def _approvals(
    scene: Conversation, session: Session, given: Iterable[Signature]
) -> list[EvidenceApproval]:
    found = []
    for one in given:
        approval = None if one.nonce is None else _approval(scene, one.party, one.nonce)
        if approval is not None:
            found.append(approval)
        elif one.level is Level.CLICK and HAND not in one.details:
            found.append(_reply(session, one))
    return found


def _approval(scene: Conversation, party: str, nonce: str) -> EvidenceApproval | None:
    """Return the evidence of a party's approval; None: there is none."""
    told = scene.approvals.exported(scene.txn, nonce)
    if told is None:
        return None
    known = EvidenceApproval.model_fields.keys() & told.keys()
    values = {key: told[key] for key in known if told[key] is not None}
    return EvidenceApproval.model_validate({**values, "party": party})


def _reply(session: Session, one: Signature) -> EvidenceApproval:
    """A reply with the code, at level S0: what it said, and how sure it is whose it was."""
    member, paper = session.member(one.party), session.paper
    assert member is not None, "they have signed"  # noqa: S101 -- our bug
    assert paper is not None, "it was sent"  # noqa: S101 -- our bug
    told = {
        "v": 1,
        "session": session.id,
        "party": one.party,
        "person": member.person,
        "document_sha256": encode_base64(paper.sha256),
        "code": session.code,
        "at_ms": one.at_ms,
    }
    return EvidenceApproval(
        party=one.party,
        means="code",
        person=member.person,
        at_ms=one.at_ms,
        signed=encode_base64(canonical(told, where="reply")),
        reply=dict(one.details),
    )


def _certificates(parts: Parts, session: Session, issued: Iterable[Issued]) -> list[str]:
    """The chain of the authorities, then those of persons and seals."""
    known = parts.authorities
    held = [known.root, known.issuing.certificate, known.stamps.certificate]
    held += [
        known.seals[one.person].certificate for one in session.members if one.person in known.seals
    ]
    ders = [*map(der_of, held), *known.trusted_stampers]
    ders += [der for one in issued for der in (*one.above, one.certificate)]
    if any(one.is_own for one in issued):
        ders += known.trusted
    return [encode_base64(one) for one in dict.fromkeys(ders)]


def _roots(parts: Parts, issued: Iterable[Issued]) -> tuple[str, ...]:
    """Our root; who stamps for us; and those elsewhere, if somebody has signed by one of them."""
    authorities = parts.authorities
    known: Sequence[bytes] = authorities.trusted
    if not any(one.is_own for one in issued):
        known = [der_of(authorities.root), *authorities.trusted_stampers]
    return tuple(encode_base64(hashlib.sha256(one).digest()) for one in known)


def _clauses(session: Session, given: Iterable[Signature]) -> list[EvidenceClause]:
    answers: dict[str, dict[str, Any]] = {one.id: {} for one in session.subject.clauses}
    for one in given:
        for clause, accepted in dict(one.details.get("clauses", {})).items():
            if clause in answers:
                answers[clause][one.party] = _answer(session, one, clause, accepted=accepted)
    return [
        EvidenceClause(
            id=one.id,
            title=one.title,
            title_sha256=digest_view(one.title_sha256),
            kind=one.kind.value,
            page=one.page,
            answers=answers[one.id],
        )
        for one in session.subject.clauses
    ]


def _answer(session: Session, given: Signature, clause: str, *, accepted: bool) -> str:
    """Return a party's answer to a clause; one with its own box was signed separately."""
    member = session.member(given.party)
    boxes = () if member is None or given.revision is None else fields_of(session, member)
    if accepted and member is not None and clause_field(member.field, clause) in boxes:
        return "signed"
    return "accepted" if accepted else "refused"


def _delegations(
    scene: Conversation, session: Session, record: Sequence[Event]
) -> list[EvidenceDelegation]:
    """Those that nobody has taken back; of the others, the record has the events."""
    return [
        EvidenceDelegation(
            party=one.party or "",
            to=one.details["delegate"],
            at_ms=one.at_ms,
            approval=_approval(scene, one.party or "", one.details.get("approval", "")),
        )
        for one in record
        if one.what == "delegated" and session.member(one.details["delegate"]) is not None
    ]


def _identified(scene: Conversation, session: Session) -> Iterable[EvidenceIdentified]:
    for member in session.members:
        seen = member.identified
        if seen is not None:
            yield EvidenceIdentified(
                party=member.id,
                by=seen.by.person,
                by_name=seen.by.name,
                by_organisation=seen.by.organisation,
                papers=seen.papers.value,
                about=seen.about,
                at_ms=seen.at_ms,
                approval=_approval(scene, member.id, seen.nonce),
            )


def _hands(session: Session, given: Mapping[str, Signature]) -> Iterable[EvidenceHand]:
    """List handwritten signatures, each with its witness."""
    for member in session.members:
        signature, witness = given.get(member.id), witness_of(session, member)
        if signature is None or witness is None or HAND not in signature.details:
            continue
        told = signature.details[HAND]
        record = parse(HandRecord, told["record"], where="record")
        yield EvidenceHand(
            party=member.id,
            witness=witness.id,
            record=encode_base64(record.signed),
            drawing=parse(Drawing, told["drawing"], where="drawing"),
        )


def _declined(session: Session, record: Sequence[Event]) -> EvidenceDeclined | None:
    """The refusal that ended it; of others, the record has the events."""
    if session.state.value != "declined":
        return None
    last = [one for one in record if one.what == "declined"][-1]
    return EvidenceDeclined(
        party=last.party or "",
        reason_code=last.details["reason_code"],
        reason=last.details["reason"],
        at_ms=last.at_ms,
    )


def _life_ms(issued: Iterable[Issued]) -> int:
    for one in issued:
        if one.is_own:
            continue
        made = x509.load_der_x509_certificate(one.certificate)
        life = made.not_valid_after_utc - made.not_valid_before_utc
        return life // dt.timedelta(milliseconds=1)
    return 0


def _sha256(certificate: x509.Certificate) -> bytes:
    return hashlib.sha256(der_of(certificate)).digest()
