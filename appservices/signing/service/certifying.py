"""Certificates of persons: for one document, one key, by one approval, and first in the log.

Nothing is issued that the log of acts does not hold: the certificate leaves only once the
transaction has committed that has both. The approval's nonce is the idempotency key.

Source: design of Veche, signing §3.3 and §6.4.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from appservices.signing.core.errors import ApprovalMismatchError
from appservices.signing.core.records import Level
from appservices.signing.service.acting import able
from appservices.signing.service.asking import check_shown
from appservices.signing.service.authorities import list_name
from appservices.signing.service.scene import PURPOSE
from appservices.signing.store import certificates as store
from appservices.signing.store.certificates import Issued
from veche.protocol.acts import ActClass, call_form
from veche.protocol.approval import Approval, SignatureShown, signed_bytes, verify
from veche.protocol.errors import ConflictError, LimitError, MalformedError, VecheError
from veche.protocol.signatures import certificates
from veche.protocol.signatures.certificates import Fresh, Holder
from veche.protocol.signatures.cms import der_of
from veche.protocol.signing_api import CertificateView, ProofsView
from veche.protocol.unpadded import from_unpadded, unpadded
from veche.runtime.acts import spend
from veche.runtime.speak import Ground

if TYPE_CHECKING:
    from appservices.signing.core.records import Member, Session
    from appservices.signing.service.authorities import Authorities
    from appservices.signing.service.scene import Scene
    from veche.protocol.signing_api import CertificateBody

CERTIFICATES_PER_HOUR_MAX: Final = 30
"""To one person."""
HOUR_MS: Final = 3_600_000
LIST_PATH: Final = "/_veche/signing/v1/crl/"
HOLDER_CHARACTERS_MAX: Final = 64
"""Longest name in a certificate (X.520, ub-common-name)."""
BASIS: Final = "approval of the person"
_LIFE: Final = dt.timedelta(days=365)


def certify(
    scene: Scene, session: Session, member: Member, body: CertificateBody
) -> CertificateView | VecheError:
    """Issue the certificate that a person's approval asks for.

    Args:
        scene: The transaction; commit it whatever comes back.
        session: That is locked.
        member: Whose page asks.
        body: What it sent.

    Returns:
        The certificate, the same again for the same approval; or why the approval was refused,
        which was counted and logged.

    Raises:
        VecheError: It was not looked at the approval; nothing has changed.
    """
    spki, key = _key_of(body.spki)
    approval = body.approval.approval
    known = store.of_nonce(scene.txn, approval.nonce)
    if known is not None:
        if (known.session_id, known.party) != (session.id, member.id) or (
            known.spki_sha256 != hashlib.sha256(spki).digest()
        ):
            raise ConflictError("This approval was for another key. Please approve again.")
        return _view(scene.parts.authorities, known)
    able(session, member.id)
    shown = _shown_in(approval)
    check_shown(session, member, shown)
    if shown.key != unpadded(hashlib.sha256(spki).digest()) or shown.level != Level.ADVANCED.value:
        raise ApprovalMismatchError("key")
    public = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    verify(public, signed_bytes(approval), body.proof)
    since_ms = scene.now_ms - HOUR_MS
    if store.issued_since(scene.txn, member.user_id, since_ms) >= CERTIFICATES_PER_HOUR_MAX:
        raise LimitError(
            "You have signed very often within this hour. Please wait.", retry_after_ms=HOUR_MS
        )
    taken = scene.approvals.take(scene.txn, body.approval, scene.now_ms)
    if isinstance(taken.outcome, VecheError):
        return taken.outcome
    issued = _issue(scene, session, member, key, approval.nonce)
    store.add(scene.txn, issued)
    scene.record(session, "certified", member.id, {"serial": f"{issued.serial:x}"})
    return _view(scene.parts.authorities, issued)


def proofs_view(authorities: Authorities) -> ProofsView:
    """What a signer's revision needs beside their own certificate and its list."""
    known = (authorities.issuing.certificate, authorities.stamps.certificate)
    return ProofsView(
        certificates=[unpadded(der_of(one)) for one in (authorities.root, *known)],
        lists=[unpadded(authorities.list_of(one)) for one in known],
    )


def _key_of(spki: str) -> tuple[bytes, ec.EllipticCurvePublicKey]:
    try:
        data = from_unpadded(spki)
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


def _issue(
    scene: Scene, session: Session, member: Member, key: ec.EllipticCurvePublicKey, nonce: str
) -> Issued:
    """The certificate, and its act; it does not leave before the transaction commits."""
    paper, authorities = session.paper, scene.parts.authorities
    assert paper is not None, "an open session has a document"  # noqa: S101 -- our bug
    serial = x509.random_serial_number()
    now = dt.datetime.fromtimestamp(scene.now_ms // 1000, tz=dt.UTC)
    site = scene.parts.host.public_url or f"https://{scene.parts.host.server_name}"
    fresh = Fresh(serial, f"{site}{LIST_PATH}{serial:x}.crl", now)
    bound = (paper.sha256, certificates.Level.ACCOUNT, _LIFE)
    holder = Holder(member.name[:HOLDER_CHARACTERS_MAX], member.user_id)
    made = certificates.person_certificate(authorities.issuing, key, holder, fresh, bound)
    assert fresh.list_url.endswith(list_name(made)), "its list is found by its number"  # noqa: S101 -- our bug
    form = call_form(
        "signing",
        "certificate",
        session=session.id,
        document=unpadded(paper.sha256),
        tbs=unpadded(hashlib.sha256(made.tbs_certificate_bytes).digest()),
    )
    ground = Ground(member.user_id, PURPOSE, BASIS, case=session.id)
    token = scene.voice.commit(ActClass.CERTIFICATE, form, ground)
    spend(scene.txn, token, form)
    listed = certificates.revocation_list(authorities.issuing, made, now)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Issued(
        serial=serial,
        session_id=session.id,
        party=member.id,
        person=member.user_id,
        nonce=nonce,
        spki_sha256=hashlib.sha256(spki).digest(),
        document_sha256=paper.sha256,
        certificate=der_of(made),
        list=listed.public_bytes(Encoding.DER),
        act=token.receipt.e,
        issued_at_ms=scene.now_ms,
    )


def _view(authorities: Authorities, issued: Issued) -> CertificateView:
    proofs = proofs_view(authorities)
    return CertificateView(
        certificate=unpadded(issued.certificate),
        certificates=proofs.certificates,
        lists=[unpadded(issued.list), *proofs.lists],
        act=issued.act,
    )
