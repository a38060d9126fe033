"""A record of evidence with real signatures, certificates and approvals behind it."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appservices.signing.evidence.core.record import Evidence
from tests.support.signing import NOW, Office, ms, new_key
from veche.documents.pdf.appearance import Look
from veche.documents.pki.cms import der_of
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.canonical import canonical
from veche.protocol.unpadded_base64 import encode_base64
from veche.protocol.wire import parse

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from tests.support.signing import Person
    from veche.documents.signatures.report import Report

SESSION = "01KAV3Z8K4Q6V5W7X9Y0A1B2C3"


@attrs.frozen
class Case:
    """A signed file, the verdict on it, and the record about it as JSON."""

    pdf: bytes
    report: Report
    record: dict[str, Any]

    @property
    def evidence(self) -> Evidence:
        """The record."""
        return parse(Evidence, self.record)


def case(office: Office, document: bytes, *, second: str = "Боб Браун") -> Case:
    """Two people have signed in the fields ``Sig1`` and ``Sig2`` of a document.

    Args:
        office: Who issued their certificates.
        document: With the boxes.
        second: Name of the second one.
    """
    alice, bob = office.person("Alice Adams", document), office.person(second, document)
    pdf = alice.sign(document, "Sig1", look=Look("Landlady", "AdES"))
    pdf = office.close(bob.sign(pdf, "Sig2"))
    report = judge(pdf, Trusted([office.root.certificate], NOW))
    return Case(pdf, report, _record(office, (document, pdf), report, (alice, bob)))


def _record(
    office: Office, whole: tuple[bytes, bytes], report: Report, people: tuple[Person, Person]
) -> dict[str, Any]:
    """The record about a signed file.

    Args:
        office: Who issued the certificates.
        whole: The document, and the closed file.
        report: On that file.
        people: Who signed.
    """
    document, pdf = whole
    digest = encode_base64(hashlib.sha256(document).digest())
    parties = _parties(report)
    approvals = [
        _approval(party, digest, person.certificate)
        for party, person in zip(parties, people, strict=True)
    ]
    known = (office.root, office.issuing, office.stamping, *people)
    first = str(parties[0]["certificate_sha256"])
    return {
        "v": 1,
        "session": SESSION,
        "site": "sign.example.org",
        "state": "completed",
        "effect": "when_complete",
        "document": {
            "title": "Lease of flat 12b",
            "sha256": digest,
            "bytes": len(document),
            "pages": 2,
            "code": "4718",
        },
        "final_sha256": encode_base64(hashlib.sha256(pdf).digest()),
        "created_at_ms": ms(NOW) - 86_400_000,
        "ended_at_ms": ms(NOW),
        "parties": [
            *parties,
            {"party": "p3", "role": "viewer", "name": "Carol", "user": "@c:x", "state": "waiting"},
        ],
        "stages": [{"parties": ["p1"]}, {"parties": ["p2"], "need": 1}],
        "events": [
            {"at_ms": ms(NOW) - 86_400_000, "what": "sent"},
            {"at_ms": ms(NOW), "party": "p1", "what": "signed", "event_id": "$1", "device": "ABC"},
        ],
        "approvals": approvals,
        "certificates": [encode_base64(der_of(one.certificate)) for one in known],
        "log": {first: {"entry": "leaf", "proof": "c2sp.org/tlog-proof@v1"}},
        "clauses": [
            {
                "id": "c7",
                "title": "Penalty",
                "kind": "unfair",
                "page": 1,
                "answers": {"p2": "accepted"},
            }
        ],
        "policy": {
            "roots": [encode_base64(hashlib.sha256(der_of(office.root.certificate)).digest())],
            "leaf_life_ms": 365 * 86_400_000,
            "verifier_version": "0.1",
            "verdict": report.verdict.value,
        },
    }


def _parties(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "party": f"p{at}",
            "role": "signer",
            "name": signed.name,
            "user": signed.account,
            "state": "signed",
            "level": "S2",
            "field": signed.field,
            "signed_at_ms": ms(NOW),
            "certificate_sha256": encode_base64(signed.certificate_sha256),
        }
        for at, signed in enumerate(report.signers, 1)
    ]


def _approval(party: dict[str, Any], digest: str, certificate: Certificate) -> dict[str, Any]:
    """Signed by a device key, as ``veche.access.approvals`` exports it."""
    key = new_key()
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    fresh = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    approval = {
        "v": 1,
        "kind": "signature",
        "nonce": "a" * 32,
        "person": party["user"],
        "at_ms": ms(NOW),
        "shown": {
            "title": "Lease of flat 12b",
            "sha256": digest,
            "size": 1000,
            "pages": 2,
            "requester": "Alice Adams",
            "session": SESSION,
            "party": party["party"],
            "role": "signer",
            "level": "S2",
            "code": "4718",
            "parties_sha256": digest,
            "effect": "when_complete",
            "read": "all_pages",
            "clauses": [],
            "key": encode_base64(hashlib.sha256(fresh).digest()),
        },
    }
    signed = canonical(approval, where="approval")
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return {
        "party": party["party"],
        "v": 1,
        "kind": "signature",
        "means": "p256",
        "person": party["user"],
        "at_ms": ms(NOW),
        "signed": encode_base64(signed),
        "key": base64.urlsafe_b64encode(hashlib.sha256(public).digest()).decode().rstrip("="),
        "public_key": encode_base64(public),
        "signature": encode_base64(r.to_bytes(32, "big") + s.to_bytes(32, "big")),
        "webauthn": None,
        "rp_id": None,
        "reply": None,
    }


def opened(approval: dict[str, Any]) -> dict[str, Any]:
    """What an approval of a record says."""
    data = approval["signed"]
    found: dict[str, Any] = json.loads(base64.b64decode(data + "=" * (-len(data) % 4)))
    return found
