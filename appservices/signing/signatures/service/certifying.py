"""Certificates of persons: for one document, one key, by one approval, and first in the log.

Nothing is issued that the log of acts does not hold: the certificate leaves only once the
transaction has committed that has both. The key signs between two transactions, as a token that
does not answer must hold none; the first one has taken the approval and keeps what is to be made,
so that whatever ends in between, the same approval gives the certificate later. Its nonce is the
idempotency key.

Source: design of Veche, signing §3.3 and §6.4.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from appservices.signing.authority.core import issuing
from appservices.signing.authority.core.issuing import Fresh, Holder
from appservices.signing.authority.core.levels import Level
from appservices.signing.authority.service.authorities import list_name
from appservices.signing.certificates import store
from appservices.signing.certificates.store import Approved, Issued
from appservices.signing.guardians.service import guarding
from appservices.signing.identification.service.identifying import seen_of
from appservices.signing.parties.api.parties import CertificateView, ProofsView
from appservices.signing.parties.service.acting import able, check_time, known_by
from appservices.signing.parties.service.approvals import check_shown
from appservices.signing.sessions.core.errors import ApprovalMismatchError
from appservices.signing.sessions.core.guests import is_guest
from appservices.signing.sessions.core.hand import writer_of
from appservices.signing.sessions.service.conversation import PURPOSE
from veche.access.approvals import NotApprovedError
from veche.acts import spend
from veche.chat.sending import Ground
from veche.documents.pki import certificates
from veche.documents.pki.certificates import Hand
from veche.documents.pki.cms import der_of
from veche.protocol.acts import ActClass, call_form
from veche.protocol.approval import Approval, SignatureShown, signed_bytes
from veche.protocol.errors import ConflictError, LimitError, MalformedError, VecheError
from veche.protocol.p256 import verify
from veche.protocol.unpadded_base64 import decode_base64, encode_base64

if TYPE_CHECKING:
    from appservices.signing.authority.service.authorities import Authorities
    from appservices.signing.parties.api.parties import CertificateBody
    from appservices.signing.sessions.core.guests import Identified
    from appservices.signing.sessions.core.records import Member, Session
    from appservices.signing.sessions.service.conversation import Conversation
    from veche.protocol.approval import Decline

CERTIFICATES_PER_HOUR_MAX: Final = 30
"""Approvals of one person that are taken for them; one may be of several documents."""
LIST_MS_MAX: Final = 15 * 60_000
"""How long an approval of several documents gives certificates, once it was taken."""
HOUR_MS: Final = 3_600_000
LIST_PATH: Final = "/_veche/signing/v1/crl/"
HOLDER_CHARACTERS_MAX: Final = 64
"""Longest name in a certificate (X.520, ub-common-name)."""
BASIS: Final = "approval of the person"
_LIFE: Final = dt.timedelta(days=365)


@attrs.frozen
class ToSign:
    """The data that the authority's key is about to sign.

    Attributes:
        approved: What the person has approved.
        name: Theirs, as the document calls them.
        document_sha256: Of the one document for which it is.
        site: Origin below which its list will be.
        seen: Who has identified them; None: nobody has, and they are known by their account.
        hand: Of a witness: who has written by hand before them; None: nobody.
    """

    approved: Approved
    name: str
    document_sha256: bytes
    site: str
    seen: Identified | None = None
    hand: Hand | None = None

    @property
    def level(self) -> certificates.Level:
        """How it was made sure who they are."""
        return certificates.Level.ACCOUNT if self.seen is None else certificates.Level.IN_PERSON

    @property
    def holder(self) -> Holder:
        """Holder that the certificate names."""
        name = self.name[:HOLDER_CHARACTERS_MAX]
        account = None if is_guest(self.approved.person) else self.approved.person
        registrar = "" if self.seen is None else self.seen.by.line
        return Holder(name, account, registrar=registrar, hand=self.hand)


@attrs.frozen
class Signed:
    """A certificate that is in no log yet, and must not leave.

    Attributes:
        wanted: What was to be signed.
        certificate: That.
        list: The first list that speaks of it, DER.
    """

    wanted: ToSign
    certificate: x509.Certificate
    list: bytes = attrs.field(repr=False)


def prepare(
    scene: Conversation, session: Session, member: Member, body: CertificateBody
) -> ToSign | CertificateView | VecheError:
    """Take the approval that asks for a certificate, and keep what is to be made.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: That is locked.
        member: Whose page asks.
        body: What it sent.

    Returns:
        What is to be signed, the same again for the same approval; the certificate, if there is
        one for it already; or why the approval was refused, which was counted and logged.

    Raises:
        VecheError: It was not looked at the approval; nothing has changed.
    """
    spki, key = _key_of(body.spki)
    approval = body.approval.approval
    issued = store.of_nonce(scene.txn, approval.nonce, session.id)
    if issued is not None:
        _check_same((issued.party, issued.spki_sha256), member, spki)
        return _view(scene.parts.authorities, issued)
    check_time(scene, session, able(session, member.id))
    guarding.check(scene, session, member)
    before = store.approved_of(scene.txn, approval.nonce, session.id)
    if before is not None:
        _check_same((before.party, hashlib.sha256(before.spki).digest()), member, spki)
        scene.approvals.authorised(scene.txn, before.nonce)
        return _to_sign(scene, session, member, before)
    refused = _take(scene, session, member, body, key)
    if refused is not None:
        return refused
    approved = Approved(
        serial=x509.random_serial_number(),
        session_id=session.id,
        party=member.id,
        person=member.user_id,
        nonce=approval.nonce,
        spki=spki,
        at_ms=scene.now_ms,
    )
    store.add_approved(scene.txn, approved)
    return _to_sign(scene, session, member, approved)


def sign(wanted: ToSign, authorities: Authorities) -> Signed:
    """Sign a certificate and its list; it blocks, so call it in a thread.

    Raises:
        TokenError: The token with the key does not answer.
    """
    approved = wanted.approved
    now = dt.datetime.fromtimestamp(approved.at_ms // 1000, tz=dt.UTC)
    url = f"{wanted.site}{LIST_PATH}{approved.serial:x}.crl"
    bound = (wanted.document_sha256, wanted.level, _LIFE)
    _, key = _key_of(encode_base64(approved.spki))
    fresh = Fresh(approved.serial, url, now)
    made = issuing.person_certificate(authorities.issuing, key, wanted.holder, fresh, bound)
    assert url.endswith(list_name(made)), "its list is found by its number"  # noqa: S101 -- our bug
    listed = issuing.revocation_list(authorities.issuing, made, now)
    return Signed(wanted, made, listed.public_bytes(Encoding.DER))


def keep(scene: Conversation, session: Session, member: Member, signed: Signed) -> CertificateView:
    """Issue a certificate that was signed: it is in the log of acts once this commits.

    Args:
        scene: The transaction; nothing leaves before it has committed.
        session: Locked, as it is now.
        member: Whose page asks.
        signed: What the key has signed.

    Returns:
        The certificate; that of another request by the same approval, if it was first.

    Raises:
        RefusedError: They may not sign any more; nothing was issued.
    """
    approved = signed.wanted.approved
    known = store.of_nonce(scene.txn, approved.nonce, session.id)
    if known is not None:
        return _view(scene.parts.authorities, known)
    check_time(scene, session, able(session, member.id))
    guarding.check(scene, session, member)
    # The token may have taken its time, and the person may have lost the device meanwhile.
    scene.approvals.authorised(scene.txn, approved.nonce)
    issued = Issued(
        serial=approved.serial,
        session_id=session.id,
        party=member.id,
        person=approved.person,
        nonce=approved.nonce,
        spki_sha256=hashlib.sha256(approved.spki).digest(),
        document_sha256=signed.wanted.document_sha256,
        certificate=der_of(signed.certificate),
        list=signed.list,
        act=_log(scene, session, member, signed),
        issued_at_ms=scene.now_ms,
    )
    store.add(scene.txn, issued)
    scene.record(session, "certified", member.id, {"serial": f"{issued.serial:x}"})
    if member.identified != signed.wanted.seen:
        scene.save(known_by(session, member, signed.wanted.seen))
    return _view(scene.parts.authorities, issued)


def proofs_view(authorities: Authorities) -> ProofsView:
    """Return the proofs for a signer's revision beside their certificate and its list."""
    root, *known = authorities.of_here
    return ProofsView(
        certificates=[encode_base64(der_of(one)) for one in (root, *known)],
        lists=[encode_base64(authorities.list_of(one)) for one in known],
    )


def _key_of(spki: str) -> tuple[bytes, ec.EllipticCurvePublicKey]:
    try:
        data = decode_base64(spki)
        key = load_der_public_key(data)
    except ValueError as e:
        raise MalformedError("spki", "is no public key") from e
    is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not is_p256:
        raise MalformedError("spki", "should be a key of the curve P-256")
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != data:
        raise MalformedError("spki", "is not in its one form")
    return data, key


def _shown_in(approval: object) -> SignatureShown:
    if isinstance(approval, Approval) and isinstance(approval.shown, SignatureShown):
        return approval.shown
    raise ApprovalMismatchError("kind")


def _check_same(told: tuple[str, bytes], member: Member, spki: bytes) -> None:
    if told != (member.id, hashlib.sha256(spki).digest()):
        raise ConflictError("This approval was for another key. Please approve again.")


def _take(
    scene: Conversation,
    session: Session,
    member: Member,
    body: CertificateBody,
    key: ec.EllipticCurvePublicKey,
) -> VecheError | None:
    """Check all that an approval says, and take it; what comes back says why it was refused."""
    approval = body.approval.approval
    shown = _shown_in(approval)
    check_shown(session, member, shown, approval.person)
    spki = decode_base64(body.spki)
    if (
        shown.key != encode_base64(hashlib.sha256(spki).digest())
        or shown.level != Level.ADVANCED.value
    ):
        raise ApprovalMismatchError("key")
    public = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    verify(public, signed_bytes(approval), body.proof)
    if shown.documents is not None and _is_taken(scene, member, approval):
        return None
    since_ms = scene.now_ms - HOUR_MS
    if store.asked_since(scene.txn, member.user_id, since_ms) >= CERTIFICATES_PER_HOUR_MAX:
        raise LimitError(
            "You have signed very often within this hour. Please wait.", retry_after_ms=HOUR_MS
        )
    outcome = scene.approvals.take(scene.txn, body.approval, scene.now_ms).outcome
    return outcome if isinstance(outcome, VecheError) else None


def _is_taken(scene: Conversation, member: Member, approval: Approval | Decline) -> bool:
    """Return whether an approval of several documents was taken for another of them, not long ago.

    Raises:
        ApprovalMismatchError: Something else was approved under its number.
        KeyRevokedError: Its key was revoked since.
    """
    try:
        evidence = scene.approvals.authorised(scene.txn, approval.nonce)
    except NotApprovedError:
        return False
    if scene.now_ms - evidence.at_ms > LIST_MS_MAX:
        return False
    if (evidence.signed, evidence.person) != (signed_bytes(approval), member.user_id):
        raise ApprovalMismatchError("approval")
    return True


def _to_sign(scene: Conversation, session: Session, member: Member, approved: Approved) -> ToSign:
    assert session.paper is not None, "an open session has a document"  # noqa: S101 -- our bug
    host = scene.parts.host
    site = host.public_url or f"https://{host.server_name}"
    seen = member.identified
    if not member.is_guest:
        seen = seen_of(scene, member.user_id, member.name, approved.nonce)
    return ToSign(approved, member.name, session.paper.sha256, site, seen, _hand(session, member))


def _hand(session: Session, member: Member) -> Hand | None:
    """Return the party who signs by hand that a witness's certificate names."""
    writer = writer_of(session, member)
    if writer is None or writer.written is None:
        return None
    return Hand(writer.name, decode_base64(writer.written.record.sha256))


def _log(scene: Conversation, session: Session, member: Member, signed: Signed) -> str:
    """Number of the act that says what was certified, and who has identified them, if anybody."""
    seen = signed.wanted.seen
    known = {} if seen is None else {"registrar": seen.by.person, "papers": seen.papers.value}
    form = call_form(
        "signing",
        "certificate",
        session=session.id,
        document=encode_base64(signed.wanted.document_sha256),
        tbs=encode_base64(hashlib.sha256(signed.certificate.tbs_certificate_bytes).digest()),
        **known,
    )
    ground = Ground(member.user_id, PURPOSE, BASIS, case=session.id)
    token = scene.sender.commit(ActClass.CERTIFICATE, form, ground)
    spend(scene.txn, token, form)
    return token.receipt.e


def _view(authorities: Authorities, issued: Issued) -> CertificateView:
    proofs = proofs_view(authorities)
    return CertificateView(
        certificate=encode_base64(issued.certificate),
        certificates=proofs.certificates,
        lists=[encode_base64(issued.list), *proofs.lists],
        act=issued.act,
    )
