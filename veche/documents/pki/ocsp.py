"""Answers of OCSP responders: what they say of which certificates, and whose answers they are.

An answer is read here by ``cryptography``, and who may give it is judged in ``trust``. An answer in
another encoding than DER, of another kind, or with an extension that has to be understood, is none.
The page's: ``static/signatures/ocsp.js``.

Source: RFC 6960 §4 (answers), §3.2 (what a checker has to make sure of); RFC 5940 (in CMS).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Final

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ExtensionNotFound, OCSPNonce, ocsp

from veche.documents.pki import algorithms, der

if TYPE_CHECKING:
    from cryptography import x509

    from veche.documents.pki.algorithms import Scheme

Status = ocsp.OCSPCertStatus
FRESH_FOR: Final = dt.timedelta(hours=1)
"""How long an answer speaks of what comes after it, if it does not say until when: its responder
has a newer one at any time (RFC 6960 §4.2.2.1), but a person takes a while to sign."""
CERTIFICATES_MAX: Final = 4
"""With an answer; more of them make no answer better."""
_CLOCKS: Final = dt.timedelta(seconds=2)
_NULL: Final = der.tlv(der.NULL)
_HASHES: Final = (hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512)
"""Hashes that name an issuer: nothing is signed by them, so that SHA-1 is no weakness here."""
_EXTENSIONS: Final = 0xA1
_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm)
"""What the library raises for what is none, when the parts of an answer are asked for."""


class OcspError(ValueError):
    """Not an answer of the form that we take; the message says what is wrong with it."""


@attrs.frozen
class CertificateId:
    """Which certificate is meant.

    Attributes:
        hash: Of the next two.
        name_hash: Of the issuer's name.
        key_hash: Of the issuer's key.
        serial: The certificate's.
    """

    hash: hashes.HashAlgorithm
    name_hash: bytes
    key_hash: bytes
    serial: int


@attrs.frozen
class State:
    """The status of one certificate.

    Attributes:
        about: Which.
        status: What.
        since: Of a revoked one, UTC; None of others.
        at: When that was known to be so, UTC.
        until: When there will be a newer one, UTC; None: at any time.
    """

    about: CertificateId
    status: Status
    since: dt.datetime | None
    at: dt.datetime
    until: dt.datetime | None

    @property
    def speaks_until(self) -> dt.datetime:
        """End of the time about which it says anything."""
        return self.at + FRESH_FOR if self.until is None else self.until


@attrs.frozen
class Answer:
    """An answer as it was read; nothing of it is verified yet.

    Attributes:
        signed: What the responder signed.
        signature: By the responder's key.
        scheme: How; None: by an algorithm that is not taken.
        name: DER of the responder's name; None: it is named by its key.
        key_hash: SHA-1 of the responder's key; None: it is named by its name.
        produced_at: When it was signed, UTC.
        states: What it says.
        certificates: That came with it, DER; the first ``CERTIFICATES_MAX``.
        nonce: Of the question that it answers; None: it says none.
    """

    signed: bytes
    signature: bytes
    scheme: Scheme | None
    name: bytes | None
    key_hash: bytes | None
    produced_at: dt.datetime
    states: tuple[State, ...]
    certificates: tuple[bytes, ...]
    nonce: bytes | None

    def names(self, certificate: x509.Certificate) -> bool:
        """Return whether a certificate belongs to the responder that the answer names."""
        if self.name is not None:
            return self.name == certificate.subject.public_bytes()
        key = subject_and_key_of(certificate)[1]
        return self.key_hash == hashlib.sha1(key, usedforsecurity=False).digest()

    def is_signed_by(self, certificate: x509.Certificate) -> bool:
        """Return whether the key of a certificate signed it."""
        key = certificate.public_key()
        return algorithms.has_signed(key, self.signature, self.signed, self.scheme)


def read_answer(encoded: bytes) -> Answer:
    """Read the answer of a responder.

    Args:
        encoded: DER of ``OCSPResponse``.

    Raises:
        OcspError: It is not DER, not of this form, or says that there is no answer.
    """
    try:
        return _answer_of(encoded)
    except OcspError:
        raise
    except _UNREADABLE as e:
        raise OcspError(f"the answer is not encoded as it must be: {e}") from e


def subject_and_key_of(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """The name as the certificate has it, DER, and the octets of its key, without its algorithm.

    Raises:
        ValueError: Its form is not that of certificates.
    """
    parts = der.children(der.read_whole(certificate.tbs_certificate_bytes, der.SEQUENCE))
    has_version = bool(parts) and parts[0].tag == 0xA0  # noqa: PLR2004
    _, _, _, _, subject, key, *_ = parts[1:] if has_version else parts
    _, bits = der.members(key.body, der.SEQUENCE, der.BIT_STRING)
    return subject.encoded, bits[1:]


def is_about(about: CertificateId, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether it is this certificate, of this issuer."""
    if about.serial != certificate.serial_number:
        return False
    made = [hashlib.new(about.hash.name, one) for one in subject_and_key_of(issuer)]
    return [one.digest() for one in made] == [about.name_hash, about.key_hash]


def _answer_of(encoded: bytes) -> Answer:
    found = ocsp.load_der_ocsp_response(encoded)
    if found.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise OcspError(f"the responder gives no answer: status {found.response_status.value:02x}")
    name, signed, produced_at = (
        found.responder_name,
        found.tbs_response_bytes,
        found.produced_at_utc,
    )
    _refuse_unknown_extensions(signed)
    # The library does not tell the parameters of the algorithm, which are not signed.
    algorithm, end = der.read(encoded, encoded.index(signed) + len(signed))
    certificates = tuple(
        one.public_bytes(Encoding.DER) for one in found.certificates[:CERTIFICATES_MAX]
    )
    signatures = [der.children(der.read_whole(one, der.SEQUENCE))[-1] for one in certificates]
    if any(one.body[:1] != b"\0" for one in (der.read(encoded, end)[0], *signatures)):
        raise OcspError("a signature has bits that are not used, and not signed")
    try:
        nonce = found.extensions.get_extension_for_class(OCSPNonce).value.nonce
    except ExtensionNotFound:
        nonce = None
    return Answer(
        signed=signed,
        signature=found.signature,
        scheme=_scheme(algorithm.body),
        name=None if name is None else name.public_bytes(),
        key_hash=found.responder_key_hash,
        produced_at=produced_at,
        states=tuple(_state(one, produced_at) for one in found.responses),
        certificates=certificates,
        nonce=nonce,
    )


def _scheme(body: bytes) -> Scheme | None:
    """How it is signed; parameters are not under the signature, so none say anything by chance."""
    found = algorithms.scheme_of(body)
    parameters = [one.encoded for one in der.children(body)[1:]]
    has_own = found is not None and found.kind is algorithms.Kind.PSS
    return found if has_own or parameters in ([], [_NULL]) else None


def _state(one: ocsp.OCSPSingleResponse, produced_at: dt.datetime) -> State:
    at, until = one.this_update_utc, one.next_update_utc
    if at > produced_at + _CLOCKS or (until is not None and until < at):
        raise OcspError("its times contradict each other")
    if not isinstance(one.hash_algorithm, _HASHES):
        raise OcspError("a certificate that is named by a hash that is not taken")
    about = CertificateId(
        one.hash_algorithm, one.issuer_name_hash, one.issuer_key_hash, one.serial_number
    )
    _ = one.revocation_reason  # raises if it is none
    return State(about, one.certificate_status, one.revocation_time_utc, at, until)


def _refuse_unknown_extensions(signed: bytes) -> None:
    """Refuse an answer with an extension that has to be understood; also of one of its states."""
    parts = der.children(der.read_whole(signed, der.SEQUENCE))
    [states] = [one for one in parts if one.tag == der.SEQUENCE]
    for last in (parts[-1], *(der.children(one.body)[-1] for one in der.children(states.body))):
        if last.tag != _EXTENSIONS:
            continue
        for one in der.children(der.read_whole(last.body, der.SEQUENCE)):
            der.members(one.body, der.OID, der.OCTET_STRING)
