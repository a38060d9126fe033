"""Whoever has the server, its keys and its database cannot sign for a person and prove it.

They can issue a certificate: they have the authority's key. What they cannot make is the approval
of the person's device key for the fresh key in it, without which the evidence does not hold.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appservices.signing.authority.core.issuing import (
    Fresh,
    Holder,
    person_certificate,
    revocation_list,
)
from appservices.signing.closing.service.recording import record_of
from appservices.signing.evidence.core.checks import check_evidence
from appservices.signing.sessions.service.files import kept
from appservices.signing.signatures.service.certifying import proofs_view
from tests.integration.appservices.signing.site import ALICE, SigningSite, two_signers
from tests.support.keys import BrowserKey, approval_of, canonical_json, unpadded_base64
from tests.support.sign_page import FreshKey
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import Proofs, prepare_closing, prepare_signature
from veche.documents.pki.certificates import Level
from veche.documents.pki.cms import Signer, der_of
from veche.documents.pki.stamps import StampRequest
from veche.documents.signatures.report import Verdict
from veche.documents.signatures.verdict import Trusted, judge
from veche.protocol.unpadded_base64 import decode_base64, encode_base64
from veche.transparency.act_proof import ActsProof
from veche.transparency.merkle import includes
from veche.transparency.notes import open_checkpoint

if TYPE_CHECKING:
    from appservices.signing.evidence.core.record import Evidence
    from veche.runtime.database import Cursor

pytestmark = pytest.mark.postgres


@attrs.frozen
class Forged:
    """A signature in Alice's name that the server made alone.

    Attributes:
        pdf: The closed file.
        certificate: DER, issued by the authority's own key.
        key: SHA-256 of its public key.
    """

    pdf: bytes
    certificate: bytes
    key: str


class ServerAloneTests(SigningSite):
    """The attacker has ``self.parts`` (every key of the server) and its database."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.sent(**two_signers())
        self.document = self.run_now(lambda txn: kept(self.scene_of(txn), self.session).whole())

    async def honest(self) -> tuple[Evidence, bytes]:
        """Alice has signed on her page: the record, and the file."""
        answer = await self.away(self.page(self.session, "p1").sign, self.keys[ALICE])
        assert answer.status == 200, answer

        def read(txn: Cursor) -> tuple[Evidence, bytes]:
            scene = self.scene_of(txn)
            session = scene.session(self.session.id)
            assert session is not None
            pdf = self.closed(kept(scene, session).whole())
            digest = hashlib.sha256(pdf).digest()
            return record_of(scene, session, digest, "sealed"), pdf

        found: tuple[Evidence, bytes] = self.run_now(read)
        return found

    def forge(self) -> Forged:
        """A signature in Alice's box, with the authority's own key and without her."""
        parts, member = self.parts, self.session.members[0]
        document: bytes = self.document
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.fromtimestamp(self.host.now_ms() // 1000, tz=dt.UTC)
        serial = x509.random_serial_number()
        fresh = Fresh(serial, f"{self.url}/_veche/signing/v1/crl/{serial:x}.crl", now)
        bound = (hashlib.sha256(document).digest(), Level.ACCOUNT, dt.timedelta(days=365))
        issuing, holder = parts.authorities.issuing, Holder(member.name, ALICE)
        made = person_certificate(issuing, key.public_key(), holder, fresh, bound)
        listed = revocation_list(issuing, made, now).public_bytes(Encoding.DER)
        known = proofs_view(parts.authorities)
        proofs = Proofs(
            [decode_base64(one) for one in known.certificates],
            [listed, *(decode_base64(one) for one in known.lists)],
        )
        prepared = prepare_signature(
            Document(document), member.field, proofs, member.name, self.host.now_ms()
        )
        signer = Signer(made, [issuing.certificate])
        attributes = signer.signed_attributes(prepared.digest)
        signature = key.sign(attributes, ec.ECDSA(hashes.SHA256()))
        token = self.stamp(hashlib.sha256(signature).digest())
        signed = document + prepared.filled(signer.detached(attributes, signature, token))
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return Forged(
            self.closed(signed), der_of(made), encode_base64(hashlib.sha256(spki).digest())
        )

    def stamp(self, digest: bytes) -> bytes:
        return self.parts.seals.stamp(StampRequest(digest), self.host.now_ms())

    def closed(self, pdf: bytes) -> bytes:
        stamps = self.parts.authorities.stamps.certificate
        lists = [self.parts.authorities.list_of(stamps)]
        prepared = prepare_closing(Document(pdf), "Closed", Proofs((), lists))
        return pdf + prepared.filled(self.stamp(prepared.digest))

    def problems(self, evidence: Evidence, pdf: bytes) -> list[str]:
        now = dt.datetime.fromtimestamp(self.host.now_ms() / 1000 + 5, tz=dt.UTC)
        report = judge(pdf, Trusted([self.parts.authorities.root], now))
        assert report.verdict is Verdict.SEALED, report
        return check_evidence(evidence, pdf, report)

    async def test_what_alice_has_signed_is_borne_out(self) -> None:
        evidence, pdf = await self.honest()
        assert self.problems(evidence, pdf) == []
        [logged] = evidence.log.values()
        proof = ActsProof.model_validate_json(logged.proof)
        [act] = proof.acts
        log = self.host.act_heads.signer("lindenau").verifier
        head = open_checkpoint(proof.checkpoint, [log])
        path = [decode_base64(one) for one in act.path]
        assert includes(head.root, logged.entry.encode(), act.index, head.size, path)
        assert act.opening["act"] == "certificate"

    async def test_a_signature_of_the_servers_own_is_not_and_no_lie_about_it_helps(self) -> None:
        evidence, _ = await self.honest()
        forged = self.forge()
        about = self.about(evidence, forged)

        assert self.problems(about, forged.pdf) == [
            "p1: the certificate is for another key than the one that was approved"
        ]
        without = about.model_copy(update={"approvals": ()})
        assert self.problems(without, forged.pdf) == [
            "p1: no key of theirs approved the certificate in their name"
        ]
        [given] = about.approvals
        said = json.loads(decode_base64(given.signed))
        said["shown"]["key"] = forged.key
        lie = given.model_copy(update={"signed": encode_base64(canonical_json(said))})
        [problem] = self.problems(about.model_copy(update={"approvals": (lie,)}), forged.pdf)
        assert "does not hold" in problem

    async def test_the_service_issues_nothing_without_her_key_whoever_asks(self) -> None:
        alice = self.page(self.session, "p1")

        def ask() -> Any:
            key, servers = FreshKey(), BrowserKey()
            asked = alice.ask(level="S2", key=key.id).body
            signed = servers.signed(approval_of(asked["asked"], asked["now_ms"]))
            return alice.certify(key, {**signed, "key": self.keys[ALICE].id})

        answer = await self.away(ask)
        assert answer.errcode == "ORG.VECHE.BAD_SIGNATURE", answer
        assert self.rows("SELECT count(*) FROM signing.certificate") == [(0,)]

    def about(self, evidence: Evidence, forged: Forged) -> Evidence:
        """The record as the server would have it of its forgery."""
        digest = unpadded_base64(hashlib.sha256(forged.certificate).digest())
        parties = tuple(
            one.model_copy(update={"certificate_sha256": digest}) if one.party == "p1" else one
            for one in evidence.parties
        )
        return evidence.model_copy(
            update={
                "final_sha256": encode_base64(hashlib.sha256(forged.pdf).digest()),
                "parties": parties,
                "certificates": (*evidence.certificates, encode_base64(forged.certificate)),
            }
        )
