"""Answers of OCSP responders: what they say of which certificates, and whose answers they are.

An answer is read here, and who may give it is judged in ``trust``. Strict, as ``der`` is: an answer
in another encoding, of another kind, or with an extension that has to be understood, is none. The
page's: ``static/signatures/ocsp.js``.

Source: RFC 6960 §4 (answers), §3.2 (what a checker has to make sure of); RFC 5940 (in CMS).
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pki import algorithms, der
from veche.documents.pki.digests import HASHES
from veche.documents.pki.revocation import BASIC, ENUMERATED
from veche.documents.pki.stamps import moment_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from veche.documents.pki.algorithms import Scheme

FRESH_FOR: Final = dt.timedelta(hours=1)
"""How long an answer speaks of what comes after it, if it does not say until when: its responder
has a newer one at any time (RFC 6960 §4.2.2.1), but a person takes a while to sign."""
CERTIFICATES_MAX: Final = 4
"""With an answer; more of them make no answer better."""
NONCE: Final = der.oid("1.3.6.1.5.5.7.48.1.2")
"""The extension by which an answer is to one question and no other (RFC 8954)."""
_CLOCKS: Final = dt.timedelta(seconds=2)
_SHA1: Final = der.oid("1.3.14.3.2.26")
_NAMES: Final = {_SHA1: "sha1", **{one.oid: one.name for one in HASHES}}
"""Hashes that name an issuer: nothing is signed by them, so that SHA-1 is no weakness here."""
_NULL: Final = der.tlv(der.NULL)
_SUCCESSFUL: Final = b"\x00"
_0, _1, _2 = 0xA0, 0xA1, 0xA2
_GOOD, _REVOKED, _UNKNOWN = 0x80, 0xA1, 0x82
_REASONS: Final = frozenset({0, 1, 2, 3, 4, 5, 6, 8, 9, 10})
"""Of RFC 5280 §5.3.1."""
_FIRST_VERSION: Final = der.tlv(der.INTEGER, b"\x00")


class OcspError(ValueError):
    """Not an answer of the form that we take; the message says what is wrong with it."""


class Status(enum.Enum):
    """What a responder says of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@attrs.frozen
class CertificateId:
    """Which certificate is meant.

    Attributes:
        hash_name: Of the next two, as ``hashlib`` has it.
        name_hash: Of the issuer's name.
        key_hash: Of the issuer's key.
        serial: The certificate's.
    """

    hash_name: str
    name_hash: bytes
    key_hash: bytes
    serial: int


@attrs.frozen
class State:
    """What is said of one certificate.

    Attributes:
        about: Which.
        status: What.
        since: Of a revoked one, UTC; None of others.
        reason: Of a revoked one, as RFC 5280 §5.3.1 counts them; None: it is not said.
        at: When that was known to be so, UTC.
        until: When there will be a newer one, UTC; None: at any time.
    """

    about: CertificateId
    status: Status
    since: dt.datetime | None
    reason: int | None
    at: dt.datetime
    until: dt.datetime | None

    @property
    def speaks_until(self) -> dt.datetime:
        """Of what comes later it says nothing."""
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
        """Whether a certificate is that of the responder that it says to be of."""
        subject, key = subject_and_key_of(certificate)
        if self.name is not None:
            return self.name == subject
        return self.key_hash == hashlib.sha1(key, usedforsecurity=False).digest()

    def is_signed_by(self, certificate: x509.Certificate) -> bool:
        """Whether the key of a certificate signed it."""
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
    except ValueError as e:
        raise OcspError(f"the answer is not encoded as it must be: {e}") from e


def subject_and_key_of(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """The name as the certificate has it, DER, and the octets of its key, without its algorithm.

    Raises:
        ValueError: Its form is not that of certificates.
    """
    parts = der.children(der.read_whole(certificate.tbs_certificate_bytes, der.SEQUENCE))
    has_version = bool(parts) and parts[0].tag == _0
    _, _, _, _, subject, key, *_ = parts[1:] if has_version else parts
    _, bits = der.members(key.body, der.SEQUENCE, der.BIT_STRING)
    return subject.encoded, _whole(bits)


def is_about(about: CertificateId, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether it is this certificate, of this issuer."""
    if about.serial != certificate.serial_number:
        return False
    subject, key = subject_and_key_of(issuer)
    made = [hashlib.new(about.hash_name, one, usedforsecurity=False) for one in (subject, key)]
    return [one.digest() for one in made] == [about.name_hash, about.key_hash]


def _answer_of(encoded: bytes) -> Answer:
    status, *rest = der.children(der.read_whole(encoded, der.SEQUENCE))
    if status.tag != ENUMERATED or status.body != _SUCCESSFUL:
        raise OcspError(f"the responder gives no answer: status {status.body.hex()}")
    wrapped = _only(rest, _0)
    kind, held = der.members(der.read_whole(wrapped, der.SEQUENCE), der.OID, der.OCTET_STRING)
    if der.tlv(der.OID, kind) != BASIC:
        raise OcspError("not a basic answer")
    data, algorithm, bits, *more = der.children(der.read_whole(held, der.SEQUENCE))
    if (data.tag, algorithm.tag, bits.tag) != (der.SEQUENCE, der.SEQUENCE, der.BIT_STRING):
        raise OcspError("nothing that is signed")
    chain = der.children(der.read_whole(_only(more, _0), der.SEQUENCE)) if more else []
    parts = der.children(data.body)
    # DER leaves out the default; some write it.
    if parts and parts[0].tag == _0 and parts.pop(0).body != _FIRST_VERSION:
        raise OcspError("of another version")
    responder, produced, states, *extensions = parts
    if produced.tag != der.GENERALIZED_TIME or states.tag != der.SEQUENCE:
        raise OcspError("it does not say when it was made")
    name, key_hash = _responder(responder)
    produced_at = _moment(produced)
    return Answer(
        signed=data.encoded,
        signature=_whole(bits.body),
        scheme=_scheme(algorithm.body),
        name=name,
        key_hash=key_hash,
        produced_at=produced_at,
        states=tuple(_state(one, produced_at) for one in der.children(states.body)),
        certificates=tuple(one.encoded for one in chain[:CERTIFICATES_MAX]),
        nonce=_extensions(extensions).get(NONCE),
    )


def _only(parts: Sequence[der.Element], tag: int) -> bytes:
    """The contents of the one element that is there."""
    if len(parts) != 1 or parts[0].tag != tag:
        raise OcspError("not the elements that belong here")
    return parts[0].body


def _one_of(body: bytes) -> der.Element:
    """The one element that contents are."""
    found, end = der.read(body)
    if end != len(body):
        raise OcspError("something follows")
    return found


def _first(body: bytes) -> der.Element:
    """The first element of some."""
    found, _ = der.read(body)
    return found


def _whole(bits: bytes) -> bytes:
    """The octets of a BIT STRING's contents."""
    if bits[:1] != b"\0":
        raise OcspError("no whole octets")
    return bits[1:]


def _scheme(body: bytes) -> Scheme | None:
    """How it is signed; parameters are not under the signature, so none say anything by chance."""
    found = algorithms.scheme_of(body)
    parameters = [one.encoded for one in der.children(body)[1:]]
    has_own = found is not None and found.kind is algorithms.Kind.PSS
    return found if has_own or parameters in ([], [_NULL]) else None


def _responder(one: der.Element) -> tuple[bytes | None, bytes | None]:
    if one.tag == _1:
        return der.sequence(der.read_whole(one.body, der.SEQUENCE)), None
    if one.tag == _2:
        return None, der.read_whole(one.body, der.OCTET_STRING)
    raise OcspError("it does not say whose answer it is")


def _state(one: der.Element, produced_at: dt.datetime) -> State:
    if one.tag != der.SEQUENCE:
        raise OcspError("not what is said of a certificate")
    about, status, this_update, *rest = der.children(one.body)
    until = None
    if rest and rest[0].tag == _0:
        until = _moment(_one_of(rest.pop(0).body))
    _extensions(rest)
    at = _moment(this_update)
    if at > produced_at + _CLOCKS or (until is not None and until < at):
        raise OcspError("its times contradict each other")
    known, since, reason = _status(status)
    return State(_about(about), known, since, reason, at, until)


def _about(one: der.Element) -> CertificateId:
    tags = (der.SEQUENCE, der.OCTET_STRING, der.OCTET_STRING, der.INTEGER)
    algorithm, name_hash, key_hash, serial = der.members(one.body, *tags)
    hash_name = _NAMES.get(_first(algorithm).encoded)
    if one.tag != der.SEQUENCE or hash_name is None:
        raise OcspError("a certificate that is named by a hash that is not taken")
    return CertificateId(hash_name, name_hash, key_hash, der.read_integer(serial))


def _status(one: der.Element) -> tuple[Status, dt.datetime | None, int | None]:
    """What it is, since when, and why."""
    if one.tag == _REVOKED:
        since, *why = der.children(one.body)
        return Status.REVOKED, _moment(since), _reason(why) if why else None
    if one.tag not in (_GOOD, _UNKNOWN) or one.body:
        raise OcspError("a state that is none")
    return (Status.GOOD if one.tag == _GOOD else Status.UNKNOWN), None, None


def _reason(parts: Sequence[der.Element]) -> int:
    body = der.read_whole(_only(parts, _0), ENUMERATED)
    if len(body) != 1 or body[0] not in _REASONS:
        raise OcspError("a reason that is none")
    return body[0]


def _moment(one: der.Element) -> dt.datetime:
    if one.tag != der.GENERALIZED_TIME:
        raise OcspError("no time")
    return dt.datetime.fromtimestamp(moment_ms(one.body) / 1000, tz=dt.UTC)


def _extensions(parts: Sequence[der.Element]) -> dict[bytes, bytes]:
    """Values of extensions by their kinds; none has to be understood."""
    found: dict[bytes, bytes] = {}
    for one in der.children(der.read_whole(_only(parts, _1), der.SEQUENCE)) if parts else ():
        kind, value = der.members(one.body, der.OID, der.OCTET_STRING)
        found[der.tlv(der.OID, kind)] = value
    return found
