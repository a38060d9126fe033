"""Signatures in PDF files that other programs made: RSA and ECDSA, other hashes, other forms.

Such a file is never green: whether all programs show it alike is not known. What can be told is
whose key signed which bytes. A signature counts for the file only if it covers every byte but its
own; one after which something was added is over an earlier state, and what was added is not looked
at. The structure of the file is not read at all: a range that covers everything needs none.

Source: ISO 32000-2 §12.8.1, RFC 5652 §5, RFC 8017 §8 (RSA), RFC 5035 §4 (signingCertificateV2).
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from veche.documents.pki import algorithms, der
from veche.documents.pki.attributes import names, says, values_in
from veche.documents.pki.cms import DATA, issuer_and_serial_of
from veche.documents.pki.revocation import archived, from_cms
from veche.documents.pki.stamps import TST_INFO, moment_ms
from veche.documents.pki.stated import read_certificate
from veche.documents.pki.trust import Trust
from veche.documents.signatures.checking import SignatureFault
from veche.documents.signatures.judging import Judge
from veche.documents.signatures.report import Finding, Reason, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from veche.documents.pki.digests import Hash
    from veche.documents.signatures.judging import Trusted

SIGNATURES_MAX: Final = 20
CMS_BYTES_MAX: Final = 256 * 1024
_RANGE: Final = re.compile(
    rb"/ByteRange[\0\t\n\f\r ]*\[[\0\t\n\f\r ]*0{1,10}[\0\t\n\f\r ]+(\d{1,10})"
    rb"[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]*\]"
)
_ANY_RANGE: Final = b"/ByteRange"
_HOLE: Final = re.compile(rb"[\0\t\n\f\r ]*<([0-9A-Fa-f\0\t\n\f\r ]+)>[\0\t\n\f\r ]*")
_SPACE: Final = b"\0\t\n\f\r "
_TEXT: Final = re.compile(rb"\(.*\)", re.DOTALL)
_BEGINNINGS: Final = (b"\x30", b"\x04", b"\x24")
"""First octets of signatures: of CMS, and of those that are a number alone, in DER or BER."""
_LINE_ENDS: Final = b"\r\n"

_SIGNED_DATA: Final = der.oid("1.2.840.113549.1.7.2")
_TOKEN: Final = der.oid("1.2.840.113549.1.9.16.2.14")
_REVOCATION: Final = (der.oid("1.2.840.113583.1.1.8"), der.oid("1.2.840.113549.1.9.16.2.24"))
"""Attributes with proofs: of Adobe, which is signed, and of CAdES, which is not."""
_UNREADABLE: Final = (ValueError, IndexError, StopIteration, UnsupportedAlgorithm)
"""What reading raises for what is of another form; honest programs write that too."""
_FORM: Final = "not encoded in the form that is read here"
_0, _1 = 0xA0, 0xA1
_KEY_ID: Final = 0x80


@attrs.frozen
class _Cms:
    """A signature of one signer, as it was read."""

    content_type: bytes
    content: bytes | None
    certificates: Sequence[bytes]
    lists: Sequence[bytes]
    signer: der.Element
    by: Hash
    attributes: bytes
    values: Mapping[bytes, bytes]
    algorithm: der.Element
    signature: bytes
    token: bytes | None


@attrs.frozen
class _Claim:
    """A signature of a file, or a stamp over it; a ``judging.Claim``."""

    name: str
    end: int
    cms: _Cms
    digest: Callable[[Hash], bytes]
    stamp: _Cms | None

    @property
    def is_stamp(self) -> bool:
        return self.cms.content_type == TST_INFO

    @property
    def stamped_at_ms(self) -> int | None:
        return None if self.stamp is None else _stated(self.stamp)[1]

    @property
    def signed_by(self) -> frozenset[str]:
        return frozenset({self.cms.by.name})

    @property
    def stamped_by(self) -> frozenset[str]:
        if self.stamp is None:
            return frozenset()
        (by, _), _ = _stated(self.stamp)
        return frozenset({by.name, self.stamp.by.name})

    def signer(self) -> x509.Certificate:
        if self.cms.content_type != DATA or self.cms.content is not None:
            raise SignatureFault(Reason.NOT_READ, "a signature over a digest or another content")
        return _checked_signer(self.cms, self.digest(self.cms.by))

    def stamper(self) -> x509.Certificate:
        if self.stamp is None:
            raise SignatureFault(Reason.BROKEN, "nobody stamped it")
        (by, imprint), _ = _stated(self.stamp)
        own = self.digest(by) if self.is_stamp else by.digest(self.cms.signature)
        if own != imprint:
            raise SignatureFault(Reason.BROKEN, "the time stamp is over something else")
        return _checked_signer(self.stamp, self.stamp.by.digest(self.stamp.content or b""))


def judge_elsewhere(pdf: bytes, by: Trusted) -> Report | None:
    """Judge a file that is not in the sealed profile; never green.

    Returns:
        The report; None if there is no signature in it that can be read.
    """
    broken: list[Finding] = []
    claims = _claims(pdf, broken)
    if not claims and not broken:
        return None
    certificates = [one for claim in claims for one in _certificates(claim)]
    lists = [one for claim in claims for part in _parts(claim) for one in part.lists]
    trust = Trust(by.roots, certificates, [*lists, *by.lists], by.stamp_roots)
    judge = Judge(trust, (), by)
    judge.findings += broken
    for one in reversed(claims):
        is_whole = not pdf[one.end :].strip(_LINE_ENDS)
        judge.take(one, is_last=is_whole)
        if not is_whole and not one.is_stamp:
            judge.find(Reason.EARLIER, one.name)
    if pdf.count(_ANY_RANGE) != len(claims) + len(broken):
        judge.find(Reason.OTHERS)
    if claims and claims[-1].is_stamp and pdf[claims[-1].end :].strip(_LINE_ENDS):
        judge.find(Reason.EARLIER)
    if not broken and all(one.is_stamp for one in claims):
        judge.find(Reason.NO_SIGNATURE)
    judge.find(Reason.ELSEWHERE)
    return judge.report(None)


def certificates_elsewhere(pdf: bytes) -> list[x509.Certificate]:
    """The certificates in such a file; whoever made it chose them."""
    encoded = [one for claim in _claims(pdf, []) for one in _certificates(claim)]
    found = (read_certificate(one) for one in dict.fromkeys(encoded))
    return [one for one in found if one is not None]


def _certificates(claim: _Claim) -> list[bytes]:
    return [one for part in _parts(claim) for one in part.certificates]


def _parts(claim: _Claim) -> list[_Cms]:
    return [part for part in (claim.cms, claim.stamp) if part is not None]


def _claims(pdf: bytes, broken: list[Finding]) -> list[_Claim]:
    """The signatures of a file by where they end; those that cannot be read are noted."""
    found: list[_Claim] = []
    for number, match in enumerate(_RANGE.finditer(pdf)):
        if number == SIGNATURES_MAX:
            broken.append(Finding(Reason.TOO_MANY))
            break
        name = f"{number + 1}"
        try:
            found.append(_claim(pdf, name, *(int(one) for one in match.groups())))
        except SignatureFault as e:
            broken.append(Finding(e.reason, name, str(e)))
        except _UNREADABLE:
            broken.append(Finding(Reason.NOT_READ, name, _FORM))
    return sorted(found, key=lambda one: one.end)


def _claim(pdf: bytes, name: str, hole: int, resume: int, rest: int) -> _Claim:
    end = resume + rest
    is_range = hole < resume <= end <= len(pdf)
    is_long = resume - hole > 2 * CMS_BYTES_MAX and pdf.find(b">", hole) == resume - 1
    if is_range and (is_long or _TEXT.fullmatch(pdf, hole, resume)):
        raise SignatureFault(Reason.NOT_READ, "its signature is too long, or not hexadecimal")
    digits = _HOLE.fullmatch(pdf, hole, resume) if is_range else None
    if digits is None:
        raise SignatureFault(Reason.RANGE, "its range leaves out something else than itself")
    held = digits[1].translate(None, _SPACE).decode()
    data = bytes.fromhex(held + "0" * (len(held) % 2))
    if not data.startswith(_BEGINNINGS):
        raise SignatureFault(Reason.BROKEN, "there is no signature in its place")
    encoded, length = der.read_indefinite(data)
    if data[length:].strip(b"\0"):
        raise SignatureFault(Reason.BROKEN, "something follows the signature in its hole")
    cms = _read(encoded)
    is_stamp = cms.content_type == TST_INFO
    stamp = cms if is_stamp else None if cms.token is None else _read(cms.token)
    if stamp is not None:
        _stated(stamp)
    covered = memoryview(pdf)[:hole], memoryview(pdf)[resume:end]
    return _Claim(name, end, cms, lambda by: by.digest(*covered), stamp)


def _read(encoded: bytes) -> _Cms:
    """Read CMS of one signer with signed attributes."""
    kind, wrapped = der.members(der.read_whole(encoded, der.SEQUENCE), der.OID, _0)
    if der.tlv(der.OID, kind) != _SIGNED_DATA:
        raise SignatureFault(Reason.NOT_READ, _FORM)
    _, _, content, *rest = der.children(der.read_whole(wrapped, der.SEQUENCE))
    held = next((part.body for part in rest if part.tag == _0), b"")
    signers = der.children(rest[-1].body)
    if rest[-1].tag != der.SET or len(signers) != 1:
        raise SignatureFault(Reason.NOT_READ, "not by one signer")
    parts = der.children(signers[0].body)
    _, signer, hashed, attributes, algorithm, signature, *unsigned = parts
    if attributes.tag != _0 or signature.tag != der.OCTET_STRING:
        raise SignatureFault(Reason.NOT_READ, "no signed attributes")
    what, *enclosed = der.children(content.body)
    inner = der.read_whole(enclosed[0].body, der.OCTET_STRING) if enclosed else None
    values = values_in(attributes.body)
    more = values_in(unsigned[0].body) if unsigned else {}
    return _Cms(
        content_type=what.encoded,
        content=inner,
        certificates=[one.encoded for one in der.children(held)],
        lists=_lists(next((part.body for part in rest if part.tag == _1), b""), values | more),
        signer=signer,
        by=_hash(hashed.body),
        attributes=der.tlv(der.SET, attributes.body),
        values=values,
        algorithm=algorithm,
        signature=signature.body,
        token=more.get(_TOKEN),
    )


def _lists(held: bytes, attributes: Mapping[bytes, bytes]) -> list[bytes]:
    """Collect proofs that certificates were not revoked; skip what cannot be read."""
    found: list[bytes] = []
    kept = [partial(archived, attributes[one]) for one in _REVOCATION if one in attributes]
    for read in (partial(from_cms, held), *kept):
        try:
            found += read()
        except der.DerError:
            continue
    return found


def _hash(body: bytes) -> Hash:
    """The hash of an AlgorithmIdentifier's contents."""
    known = algorithms.hash_in(body)
    if known is None:
        raise SignatureFault(Reason.NOT_READ, "a hash that is not taken")
    return known


def _checked_signer(cms: _Cms, digest: bytes) -> x509.Certificate:
    try:
        return _signer_of(cms, digest)
    except _UNREADABLE as e:
        raise SignatureFault(Reason.NOT_READ, _FORM) from e


def _signer_of(cms: _Cms, digest: bytes) -> x509.Certificate:
    """The certificate whose key signed attributes that name this digest."""
    certificate = _certificate_of(cms)
    if not says(cms.values, cms.content_type, digest):
        raise SignatureFault(Reason.BROKEN, "what was signed is not what is here")
    if names(cms.values, certificate) is False:
        raise SignatureFault(Reason.BROKEN, "it was made with another certificate")
    scheme = algorithms.scheme_of(cms.algorithm.body, cms.by)
    key = certificate.public_key()
    if scheme is None or not algorithms.is_taken(key):
        raise SignatureFault(Reason.NOT_READ, "an algorithm or a key that is not taken")
    # Signed in the order of DER, whatever the order in which they stand there (RFC 5652 §5.4).
    ordered = der.set_of(
        *(one.encoded for one in der.children(der.read_whole(cms.attributes, der.SET)))
    )
    forms = {cms.attributes, ordered}
    if not any(algorithms.has_signed(key, cms.signature, one, scheme) for one in forms):
        raise SignatureFault(Reason.BROKEN, "the key of the certificate did not sign it")
    return certificate


def _certificate_of(cms: _Cms) -> x509.Certificate:
    for encoded in cms.certificates:
        one = read_certificate(encoded)
        if one is None:
            continue
        if cms.signer.tag == _KEY_ID:
            held = _key_id(one)
            if held is not None and held == cms.signer.body:
                return one
        elif issuer_and_serial_of(one) == cms.signer.encoded:
            return one
    raise SignatureFault(Reason.NOT_READ, "no certificate of its signer that can be read")


def _key_id(certificate: x509.Certificate) -> bytes | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    return found.value.digest


def _stated(stamp: _Cms) -> tuple[tuple[Hash, bytes], int]:
    """Return the hash and digest under a stamp, and the time that it states."""
    if stamp.content_type != TST_INFO or stamp.content is None:
        raise SignatureFault(Reason.NOT_READ, "not a time stamp")
    parts = der.children(der.read_whole(stamp.content, der.SEQUENCE))
    algorithm, digest = der.children(parts[2].body)
    if parts[4].tag != der.GENERALIZED_TIME:
        raise SignatureFault(Reason.NOT_READ, "not a time stamp")
    try:
        at_ms = moment_ms(parts[4].body)
    except ValueError as e:
        raise SignatureFault(Reason.NOT_READ, _FORM) from e
    return (_hash(algorithm.body), digest.body), at_ms
