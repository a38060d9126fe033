"""Signatures as they are handed in: checked outside of transactions, kept by compare-and-set.

Two who sign at once both sign the same revision: the first one counts, the other one's page signs
the newer file with the same key and certificate. So none is lost, and none is there twice.

Source: design of Veche, signing §3.5 and §3.6.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509

from appservices.signing.authority.core.levels import Level
from appservices.signing.certificates import store as certificates
from appservices.signing.keys.document_cipher import decrypt, increment_of
from appservices.signing.papers.core.addition import (
    Claim,
    Expected,
    check_addition,
    check_claimed,
    check_step,
)
from appservices.signing.parties.service import acting
from appservices.signing.parties.service.approvals import check_level, check_shown
from appservices.signing.private.service.closing import claimed
from appservices.signing.sessions.core.errors import (
    ApprovalMismatchError,
    SignatureLevelError,
    StaleRevisionError,
)
from appservices.signing.sessions.core.records import clause_field, fields_of
from appservices.signing.sessions.service.files import Kept, kept
from appservices.signing.sessions.store import revisions
from appservices.signing.sessions.store.revisions import Revision
from appservices.signing.sessions.store.signatures import TOGETHER, Signature
from appservices.signing.signatures.service.own_certificates import check_still_taken
from veche.documents.asic import ArchiveError
from veche.documents.pdf.document import Document
from veche.documents.signatures.verdict import signatures_of
from veche.protocol.approval import Approval, SignatureShown
from veche.protocol.errors import BadSignatureError, VecheError
from veche.protocol.unpadded_base64 import decode_base64

if TYPE_CHECKING:
    from appservices.signing.certificates.store import Issued
    from appservices.signing.parties.api.parties import RevisionView
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation, Parts
    from veche.protocol.approval import SignedApproval

_NO_CERTIFICATE: Final = "You have no certificate for this document: please sign again."


@attrs.frozen
class Held:
    """The facts to check a signature against, read in one transaction.

    Attributes:
        kept: The session and its file.
        member: Who hands it in.
        issued: Their newest certificate.
    """

    kept: Kept
    member: Member
    issued: Issued


def read_held(scene: Conversation, session: Session, member: Member, body: RevisionView) -> Held:
    """Read what a signature is checked against.

    Raises:
        RefusedError: They may not sign, or have no certificate, or the file is gone.
        StaleRevisionError: It is made on an older file.
    """
    acting.able(session, member.id)
    _check_newest(session, body)
    mine = _good_certificates(scene, session, member)
    if not mine:
        raise BadSignatureError(_NO_CERTIFICATE)
    # A file that only browsers can read is of no use here.
    held = Kept(session, b"", ()) if session.is_blind else kept(scene, session)
    return Held(held, member, mine[0])


def check_held(held: Held, body: RevisionView, parts: Parts, now_ms: int) -> None:
    """Make sure that what was handed in is the party's signature; runs in a thread.

    Raises:
        BadSignatureError: It is not.
        MalformedError: It is not encrypted with the session's key.
        OwnCertificateError: A certificate of theirs is not taken any more.
    """
    session = held.kept.session
    if held.issued.is_own:
        check_still_taken(held.issued, parts.authorities, now_ms)
    expected = _expected(held, parts, now_ms)
    if session.is_blind:
        check_claimed(_claims(body, expected), expected, is_container=session.has_container)
        return
    place = increment_of(body.number)
    increment = decrypt(session.subject.key, decode_base64(body.increment), place)
    if session.has_container:
        _check_step(held.kept, increment, body, expected)
        return
    before = held.kept.whole()
    digest = hashlib.sha256(before)
    digest.update(increment)
    _check_told(digest.digest(), increment, body)
    if session.subject.before is not None:
        signed = len(signatures_of(Document(before)))
        expected = attrs.evolve(expected, signed_before=signed)
    check_addition(before, increment, expected)


def _check_step(kept: Kept, increment: bytes, body: RevisionView, expected: Expected) -> None:
    """Make sure that what was handed in signs the container, and does nothing else to it."""
    try:
        after = kept.container(increment)
    except ArchiveError as e:
        raise BadSignatureError(f"what is added is not of the form that is taken: {e}") from e
    _check_told(hashlib.sha256(after).digest(), increment, body)
    signed = attrs.evolve(expected, signed_before=len(kept.revisions))
    check_step(kept.container(), after, signed, [kept.session.subject.kind])


def _check_told(digest: bytes, increment: bytes, body: RevisionView) -> None:
    """Make sure that what came is what was told of it."""
    is_told = hmac.compare_digest(digest, decode_base64(body.sha256))
    if len(increment) != body.size or not is_told:
        raise BadSignatureError("its digest or size is not the one that was told")


def _expected(held: Held, parts: Parts, now_ms: int) -> Expected:
    """Return the requirements on the party's signature."""
    paper = held.kept.session.paper
    assert paper is not None, "an open session has a document"  # noqa: S101 -- our bug
    session, issued, authorities = held.kept.session, held.issued, parts.authorities
    return Expected(
        fields=fields_of(session, held.member),
        document_sha256=paper.sha256,
        certificate=x509.load_der_x509_certificate(issued.certificate),
        stamps=authorities.stampers,
        roots=authorities.trusted,
        known=parts.seals.may_travel().union([issued.certificate, *issued.above]),
        signed_before=_signed_before(held.kept),
        now_ms=now_ms,
        is_own=issued.is_own,
    )


def _claims(body: RevisionView, expected: Expected) -> list[Claim]:
    """List a page's claims on an unseen file: on the whole, then on clauses."""
    own = expected.fields[0]
    clauses = (
        Claim(
            clause_field(own, one.clause), decode_base64(one.cms), decode_base64(one.signed_sha256)
        )
        for one in body.clauses or ()
    )
    return [Claim(own, *claimed(body)), *clauses]


def _signed_before(kept: Kept) -> int:
    """How many signatures were taken here: of each who signed, and of their clauses."""
    session = kept.session
    members = [session.member(one.party or "") for one in kept.revisions]
    return sum(1 if one is None else len(fields_of(session, one)) for one in members)


def keep(scene: Conversation, held: Held, session: Session, body: RevisionView) -> Session:
    """Keep a signature that was checked, if nobody was first.

    Args:
        scene: The transaction.
        held: What it was checked against.
        session: Locked, as it is now.
        body: What was handed in.

    Raises:
        StaleRevisionError: Somebody was first; nothing has changed.
        RefusedError: They may not sign any more, or have revoked the key that approved it.
        BadSignatureError: Their certificate was revoked meanwhile.
    """
    member = acting.able(session, held.member.id)
    check_level(member, held.issued.level)
    _check_newest(session, body)
    _check_certificate(scene, session, member, held.issued.serial)
    revision = Revision(
        number=body.number,
        party=held.member.id,
        previous_sha256=decode_base64(body.previous_sha256),
        sha256=decode_base64(body.sha256),
        size=body.size,
        increment=decode_base64(body.increment),
        at_ms=scene.now_ms,
    )
    revisions.add(scene.txn, session.id, revision)
    session = attrs.evolve(session, revision=revision.number, head_sha256=revision.sha256)
    signature = Signature(
        party=held.member.id,
        level=held.issued.level,
        at_ms=scene.now_ms,
        nonce=held.issued.nonce,
        revision=revision.number,
        certificate=held.issued.serial,
        details=_answers(scene, held.issued.nonce),
    )
    return acting.signed(scene, session, held.member.id, signature)


def take_approval(
    scene: Conversation, session: Session, member: Member, signed: SignedApproval
) -> Session | VecheError:
    """Take a signature of level S1: the approval of the person's device key is all of it.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: Locked.
        member: Who hands it in.
        signed: What their device key signed.

    Returns:
        The session as it is kept; or why the approval was refused, which was counted and logged.
    """
    acting.able(session, member.id)
    told = signed.approval
    if not isinstance(told, Approval) or not isinstance(told.shown, SignatureShown):
        raise ApprovalMismatchError("kind")
    check_shown(session, member, told.shown, told.person)
    if told.shown.level != Level.APPROVAL.value:
        raise SignatureLevelError(Level.APPROVAL.value)
    taken = scene.approvals.take(scene.txn, signed, scene.now_ms)
    if isinstance(taken.outcome, VecheError):
        return taken.outcome
    signature = Signature(
        party=member.id,
        level=Level.APPROVAL,
        at_ms=scene.now_ms,
        nonce=told.nonce,
        details=_answers(scene, told.nonce),
    )
    return acting.signed(scene, session, member.id, signature)


def _good_certificates(scene: Conversation, session: Session, member: Member) -> list[Issued]:
    """Those of a party that were not revoked, the newest first."""
    found = certificates.of_party(scene.txn, session.id, member.id)
    return [one for one in found if one.person == member.person and one.revoked_at_ms is None]


def _check_certificate(scene: Conversation, session: Session, member: Member, serial: int) -> None:
    """A certificate may have been revoked, or the device lost, while the signature was checked."""
    mine = [one for one in _good_certificates(scene, session, member) if one.serial == serial]
    if not mine:
        raise BadSignatureError(_NO_CERTIFICATE)
    scene.approvals.authorised(scene.txn, mine[0].nonce)


def _check_newest(session: Session, body: RevisionView) -> None:
    head = session.head_sha256
    assert head is not None, "an open session has a document"  # noqa: S101 -- our bug
    is_newest = body.number == session.revision + 1
    if not is_newest or not hmac.compare_digest(head, decode_base64(body.previous_sha256)):
        raise StaleRevisionError(session.revision, head)


def _answers(scene: Conversation, nonce: str) -> dict[str, object]:
    """Return the person's answers to clauses, and how they read the document."""
    evidence = scene.approvals.authorised(scene.txn, nonce)
    shown = Approval.model_validate_json(evidence.signed).shown
    if not isinstance(shown, SignatureShown):
        return {}
    answers = {one.id: one.accepted for one in shown.clauses}
    together = len(shown.documents or ())
    return {
        "read": shown.read,
        "clauses": answers,
        **({TOGETHER: together} if together > 1 else {}),
    }
