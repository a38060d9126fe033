"""Authorities, signers and documents for tests of signing, with real keys and certificates."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appservices.signing.authority.core import issuing
from appservices.signing.authority.core.issuing import Authority, Fresh, Holder
from appservices.signing.stamps.core import StampAuthority
from veche.documents.pdf.document import Document
from veche.documents.pdf.signing import Box, Proofs, lay_boxes, prepare_closing, prepare_signature
from veche.documents.pki.certificates import Level
from veche.documents.pki.cms import Signer, der_of
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stamps import StampRequest
from veche.protocol.ids import UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from veche.documents.pdf.appearance import Look
    from veche.documents.pki.digests import Hash

NOW: Final = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
YEAR: Final = dt.timedelta(days=365)
_serials = itertools.count(1)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key for tests."""
    return ec.generate_private_key(ec.SECP256R1())


def fresh(now: dt.datetime) -> Fresh:
    """Serial and list address of a new certificate."""
    serial = x509.random_serial_number()
    return Fresh(serial, f"http://ca.example.org/_veche/signing/v1/crl/{serial:x}.crl", now)


@attrs.define(slots=False)
class Office:
    """A root, who issues certificates, and who stamps.

    Attributes:
        now: When all of it was made.
    """

    now: dt.datetime = NOW

    @cached_property
    def root(self) -> Authority:
        """Off line in production."""
        key = new_key()
        holder = Holder("Lindenau Root", organisation="Lindenau")
        serial = x509.random_serial_number()
        return Authority(issuing.root_certificate(key, holder, serial, self.now), key)

    @cached_property
    def issuing(self) -> Authority:
        """Signs the certificates of persons."""
        key, holder = new_key(), Holder("Lindenau Persons", organisation="Lindenau")
        made = issuing.issuing_certificate(self.root, key.public_key(), holder, fresh(self.now))
        return Authority(made, key)

    @cached_property
    def stamping(self) -> Authority:
        """Signs time stamps."""
        return self.new_stamping(self.now)

    def new_stamping(self, now: dt.datetime, by: Hash = SHA256) -> Authority:
        """Another authority for time stamps, whose certificate is signed with a hash."""
        key, holder = new_key(), Holder("Lindenau Time", organisation="Lindenau")
        root = attrs.evolve(self.root, by=by)
        made = issuing.stamps_certificate(root, key.public_key(), holder, fresh(now))
        return Authority(made, key)

    def token(
        self,
        digest: bytes,
        now: dt.datetime,
        stamping: Authority | None = None,
        by: Hash = SHA256,
    ) -> bytes:
        """A time stamp over a digest."""
        who = stamping or self.stamping
        maker = StampAuthority(who.certificate, who.key, issuing.STAMP_POLICY)
        return maker.token(StampRequest(digest, by=by), next(_serials), ms(now))

    def list_of(self, certificate: Certificate, now: dt.datetime, by: Hash = SHA256) -> bytes:
        """Its list, on which it is not."""
        issuer = self.issuing if certificate.issuer == self.issuing_name else self.root
        made = issuing.revocation_list(attrs.evolve(issuer, by=by), certificate, now)
        return made.public_bytes(Encoding.DER)

    @property
    def issuing_name(self) -> x509.Name:
        """Of who issues the certificates of persons."""
        return self.issuing.certificate.subject

    def person(
        self, name: str, document: bytes, now: dt.datetime | None = None, life: dt.timedelta = YEAR
    ) -> Person:
        """Somebody with a key and a certificate for one document."""
        key, when = new_key(), now or self.now
        user_id = UserId(f"@{name.lower().replace(' ', '.')}:example.org")
        bound = (hashlib.sha256(document).digest(), Level.SUBSTANTIAL, life)
        made = issuing.person_certificate(
            self.issuing, key.public_key(), Holder(name, user_id), fresh(when), bound
        )
        return Person(self, key, made)

    def proofs(self, certificate: Certificate, now: dt.datetime) -> Proofs:
        """What is stapled into a signer's revision."""
        known = (self.issuing.certificate, self.stamping.certificate, certificate)
        return Proofs(
            [der_of(one) for one in (self.root.certificate, *known[:2])],
            [self.list_of(one, now) for one in known],
        )

    def close(
        self,
        pdf: bytes,
        now: dt.datetime | None = None,
        proofs: Proofs | None = None,
        name: str = "Seal1",
        stamping: Authority | None = None,
        by: Hash = SHA256,
    ) -> bytes:
        """Close or renew a file with a document time stamp."""
        prepared = prepare_closing(Document(pdf), name, proofs or Proofs(), by=by)
        token = self.token(prepared.digest, now or self.now, stamping, by)
        return pdf + prepared.filled(token)


@attrs.frozen
class Person:
    """A signer."""

    office: Office
    key: ec.EllipticCurvePrivateKey
    certificate: Certificate

    @property
    def name(self) -> str:
        """As the certificate has it."""
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    def sign(
        self, pdf: bytes, field: str, now: dt.datetime | None = None, look: Look | None = None
    ) -> bytes:
        """Sign in a field: PAdES-B-T."""
        when = now or self.office.now
        proofs = self.office.proofs(self.certificate, when)
        name = "Signer" if look is None else self.name
        prepared = prepare_signature(Document(pdf), field, proofs, name, ms(when), look=look)
        signer = Signer(self.certificate, [self.office.issuing.certificate])
        attributes = signer.signed_attributes(prepared.digest)
        signature = self.key.sign(attributes, ec.ECDSA(hashes.SHA256()))
        token = self.office.token(hashlib.sha256(signature).digest(), when)
        return pdf + prepared.filled(signer.detached(attributes, signature, token))


def ms(moment: dt.datetime) -> int:
    """Milliseconds UTC."""
    return int(moment.timestamp()) * 1000


def with_boxes(pdf: bytes, names: Sequence[str], *, with_letters: bool = False) -> bytes:
    """The document with a field for each name."""
    boxes = [Box(name, 0, (40 + 170 * at, 40, 200 + 170 * at, 90)) for at, name in enumerate(names)]
    return pdf + lay_boxes(Document(pdf), boxes, with_letters=with_letters)
