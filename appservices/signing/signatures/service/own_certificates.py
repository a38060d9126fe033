"""Certificates of people's own in a session: told, approved with the device key, then signed with.

The order keeps a stranger out who has got a link: the certificate is told first, the person sees it
on their page and approves its very key, and only a signature by that key is taken. Whoever tells
another certificate meanwhile changes nothing: the approval names the first one.

Source: design of Veche, signing §2 (S3, S4) and §3.3.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from appservices.signing.authority.core.anchors import OwnCertificateError, Taken, check_own
from appservices.signing.authority.core.levels import OWN_LEVELS
from appservices.signing.certificates import store
from appservices.signing.certificates.store import Announced, Issued
from appservices.signing.guardians.service import guarding
from appservices.signing.parties.service.acting import able, check_time
from appservices.signing.parties.service.approvals import check_level, check_shown
from appservices.signing.sessions.core.errors import ApprovalMismatchError
from appservices.signing.sessions.service.conversation import PURPOSE
from appservices.signing.signatures import store as provider_orders
from veche.acts import spend
from veche.chat.sending import Ground
from veche.contracts.signing.own_certificate_api import AuthorityView, OwnCertificateView
from veche.documents.pki.cms import der_of
from veche.protocol.acts import ActClass, call_form
from veche.protocol.approval import Approval, SignatureShown, showable
from veche.protocol.errors import LimitError, NotFoundError, VecheError
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appservices.signing.authority.core.anchors import Anchor
    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.parties.api.own_certificates import AnnounceBody
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from appservices.signing.sessions.store.signatures import Signature
    from veche.protocol.approval import SignedApproval

APPROVED_MS: Final = 3_600_000
"""How long an approved certificate may be signed with: a card may have to be looked for."""
APPROVALS_PER_HOUR_MAX: Final = 30
_HOUR_MS: Final = 3_600_000
_BASIS: Final = "approval of the person"
_NAME_CHARACTERS_MAX: Final = 100


def announce(scene: Conversation, session: Session, member: Member, body: AnnounceBody) -> None:
    """Keep with which certificate a party wants to sign, in place of another.

    Args:
        scene: The transaction.
        session: That is locked.
        member: Whose link tells it.
        body: What was sent.

    Raises:
        OwnCertificateError: It is not taken; nothing has changed.
        SignatureLevelError: A surer one is asked for, or they sign in no box.
        RefusedError: They may not sign now.
    """
    check_time(scene, session, able(session, member.id))
    if member.level_min not in OWN_LEVELS:
        raise OwnCertificateError(
            "You are asked for no certificate of your own here: sign on your page, or have whoever"
            " asks you demand one."
        )
    chain = tuple(decode_base64(one) for one in body.chain)
    taken = check_own(chain, scene.parts.authorities.anchors, moment(scene.now_ms))
    check_level(member, taken.level)
    _check_mine(scene, session, member, taken.certificate)
    known = {one.id for one in scene.parts.section.providers}
    if body.provider is not None and body.provider not in known:
        raise NotFoundError("There is no such provider here.")
    store.announce(
        scene.txn,
        Announced(
            *(session.id, member.id, member.user_id, chain, taken.level, scene.now_ms),
            provider=body.provider,
            credential=body.credential,
        ),
    )
    provider_orders.forget(scene.txn, session.id, member.id)
    scene.save(session)  # so that the person's page, if it is open, looks again


def approve(
    scene: Conversation, session: Session, member: Member, signed: SignedApproval
) -> VecheError | None:
    """Take the approval of the certificate that a party has told.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: That is locked.
        member: Whose page hands it in.
        signed: What their device key signed.

    Returns:
        None once it may be signed with, the same approval again changes nothing; or why the
        approval was refused, which was counted and logged.

    Raises:
        ApprovalMismatchError: Something else was approved than what was told.
        OwnCertificateError: It is not taken any more.
        RefusedError: They may not sign now.
    """
    told, approval = store.announced(scene.txn, session.id, member.id), signed.approval
    if told is None or told.person != member.user_id:
        raise OwnCertificateError("Tell first with which certificate: run `veche sign --session`.")
    if not isinstance(approval, Approval) or not isinstance(approval.shown, SignatureShown):
        raise ApprovalMismatchError("kind")
    taken = check_own(told.chain, scene.parts.authorities.anchors, moment(scene.now_ms))
    key, shown = key_sha256(taken.certificate), approval.shown
    known = store.of_nonce(scene.txn, approval.nonce, session.id)
    if known is not None and (known.party, known.spki_sha256) == (member.id, key):
        return None
    check_time(scene, session, able(session, member.id))
    guarding.check(scene, session, member)
    check_level(member, taken.level)
    check_shown(session, member, shown, approval.person)
    if shown.documents is not None or shown.level != taken.level.value:
        raise ApprovalMismatchError("level")
    if shown.key != encode_base64(key):
        raise ApprovalMismatchError("key")
    _check_mine(scene, session, member, taken.certificate)
    since_ms = scene.now_ms - _HOUR_MS
    if store.asked_since(scene.txn, member.user_id, since_ms) >= APPROVALS_PER_HOUR_MAX:
        raise LimitError(
            "You have signed very often within this hour. Please wait.", retry_after_ms=_HOUR_MS
        )
    outcome = scene.approvals.take(scene.txn, signed, scene.now_ms).outcome
    if isinstance(outcome, VecheError):
        return outcome
    _keep(scene, session, member, told, approval.nonce)
    return None


def check_still_taken(issued: Issued, authorities: Authorities, now_ms: int) -> None:
    """Make sure that an approved certificate may be signed with still, at its level.

    Raises:
        OwnCertificateError: It may not; the message says what to do.
    """
    chain = (issued.certificate, *issued.above)
    taken = check_own(chain, authorities.anchors, moment(now_ms))
    if taken.level.rank < issued.level.rank:
        raise OwnCertificateError("Signatures by this certificate do not count as much any more.")
    if now_ms - issued.issued_at_ms > APPROVED_MS:
        raise OwnCertificateError(
            "The approval with the key of your device is older than an hour: open your page and"
            " approve once more."
        )


def told_view(scene: Conversation, session: Session, member: Member) -> OwnCertificateView | None:
    """The certificate that a party has told; None: none, or it is not taken any more."""
    told = store.announced(scene.txn, session.id, member.id)
    if told is None or told.person != member.person:
        return None
    try:
        taken = check_own(told.chain, scene.parts.authorities.anchors, moment(scene.now_ms))
    except OwnCertificateError:
        return None
    is_approved = _is_approved(scene, session, member, taken)
    return own_view(taken, is_approved=is_approved, provider=told.provider)


def signed_view(scene: Conversation, signature: Signature) -> OwnCertificateView | None:
    """The certificate of a signature that was issued elsewhere; None: it was issued here."""
    issued = None
    if signature.level in OWN_LEVELS and signature.certificate is not None:
        issued = store.of_serial(scene.txn, signature.certificate)
    if issued is None:
        return None
    certificate = x509.load_der_x509_certificate(issued.certificate)
    return OwnCertificateView(
        name=named(certificate.subject),
        issuer=named(certificate.issuer),
        authority=_authority(scene.parts.authorities.anchors, issued),
        level=issued.level.value,  # type: ignore[arg-type]  # one of the two
        key=encode_base64(issued.spki_sha256),
        ends_at_ms=_ms(certificate.not_valid_after_utc),
        is_approved=True,
    )


def authority_views(authorities: Authorities) -> list[AuthorityView]:
    """From whom certificates are taken."""
    return [
        AuthorityView(
            name=one.name,
            level=one.level.value,  # type: ignore[arg-type]  # one of the two
            certificate=encode_base64(der_of(one.certificate)),
            policies=sorted(one.policies),
        )
        for one in authorities.anchors
    ]


def stamper_views(authorities: Authorities) -> list[str]:
    """List present and former time stamp authorities, trusted for stamps alone."""
    return list(map(encode_base64, authorities.trusted_stampers))


def named(name: x509.Name) -> str:
    """Return a certificate's name on one line, at most ``_NAME_CHARACTERS_MAX`` characters."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.SURNAME):
        found = name.get_attributes_for_oid(kind)
        if found:
            return showable(str(found[0].value)).replace("\n", " ")[:_NAME_CHARACTERS_MAX]
    return "?"


def own_view(taken: Taken, *, is_approved: bool, provider: str | None = None) -> OwnCertificateView:
    """A certificate that may sign, as its party is shown it."""
    certificate = taken.certificate
    return OwnCertificateView(
        name=named(certificate.subject),
        issuer=named(certificate.issuer),
        authority=taken.anchor.name,
        level=taken.level.value,  # type: ignore[arg-type]  # one of the two
        key=encode_base64(key_sha256(certificate)),
        ends_at_ms=_ms(certificate.not_valid_after_utc),
        is_approved=is_approved,
        provider=provider,
    )


def key_sha256(certificate: x509.Certificate) -> bytes:
    """Return the SHA-256 of a certificate's key, as approvals have it."""
    encoded = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).digest()


def _check_mine(
    scene: Conversation, session: Session, member: Member, certificate: x509.Certificate
) -> None:
    """Make sure that nobody else signs in the same session by the same key."""
    if store.is_of_others(scene.txn, session.id, key_sha256(certificate), member.user_id):
        raise OwnCertificateError("Somebody else signs this document with that certificate.")


def _is_approved(scene: Conversation, session: Session, member: Member, taken: Taken) -> bool:
    newest = next(iter(store.of_party(scene.txn, session.id, member.id)), None)
    return (
        newest is not None
        and newest.person == member.person
        and newest.revoked_at_ms is None
        and newest.certificate == der_of(taken.certificate)
        and scene.now_ms - newest.issued_at_ms <= APPROVED_MS
    )


def _keep(
    scene: Conversation, session: Session, member: Member, told: Announced, nonce: str
) -> None:
    """Keep a certificate as one by which its party may sign; that is an act, as issuing one is."""
    assert session.paper is not None, "an open session has a document"  # noqa: S101 -- our bug
    certificate = x509.load_der_x509_certificate(told.chain[0])
    form = call_form(
        "signing",
        "own_certificate",
        session=session.id,
        document=encode_base64(session.paper.sha256),
        tbs=encode_base64(hashlib.sha256(certificate.tbs_certificate_bytes).digest()),
    )
    ground = Ground(member.user_id, PURPOSE, _BASIS, case=session.id)
    token = scene.sender.commit(ActClass.CERTIFICATE, form, ground)
    spend(scene.txn, token, form)
    issued = Issued(
        serial=x509.random_serial_number(),
        session_id=session.id,
        party=member.id,
        person=member.user_id,
        nonce=nonce,
        spki_sha256=key_sha256(certificate),
        document_sha256=session.paper.sha256,
        certificate=told.chain[0],
        list=b"",
        act=token.receipt.e,
        issued_at_ms=scene.now_ms,
        level=told.level,
        above=told.chain[1:],
    )
    store.add(scene.txn, issued)
    scene.record(session, "own_approved", member.id, {"serial": f"{issued.serial:x}"})
    scene.save(session)


def _authority(anchors: Sequence[Anchor], issued: Issued) -> str:
    """Below whom a certificate is trusted; empty: nobody here says so any more."""
    certificate = x509.load_der_x509_certificate(issued.certificate)
    try:
        chain = (issued.certificate, *issued.above)
        return check_own(chain, anchors, certificate.not_valid_before_utc).anchor.name
    except OwnCertificateError:
        return ""


def moment(at_ms: int) -> dt.datetime:
    """A time in UTC, of milliseconds."""
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC)


def _ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
