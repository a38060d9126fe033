"""One signature of a file by itself: what it covers, and whether its key signed that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.documents.pki import algorithms, der
from veche.documents.pki.attributes import names, says, values_in
from veche.documents.pki.cms import (
    CMS_BYTES_MAX,
    DATA,
    CmsError,
    Signer,
    issuer_and_serial_of,
    read_signed_data,
)
from veche.documents.pki.digests import SHA256
from veche.documents.pki.stamps import read_token
from veche.documents.pki.stated import read_certificate
from veche.documents.pki.trust import has_signed
from veche.documents.signatures.report import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

    from veche.documents.pdf.grammar import SignatureField
    from veche.documents.pki.cms import SignedData
    from veche.documents.pki.digests import Hash
    from veche.documents.pki.stamps import Stamp

_DIGITS: Final = re.compile(rb"<([0-9A-Fa-f]+)>")


class SignatureFault(Exception):  # noqa: N818  # A finding, which the walk goes on after.
    """The signature does not hold.

    Attributes:
        reason: Why.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@attrs.frozen
class Opened:
    """A signature that covers its revision; whether a key signed it is not checked yet.

    Attributes:
        name: Of its field, or of its file in a container.
        digest: Of what it covers: SHA-256, or of a stamp over the whole by the hash of the stamp.
        signed: By its signer; None of a stamp over the whole.
        stamp: The token over the signature, or the stamp over the whole; None if there is none.
    """

    name: str
    digest: bytes
    signed: SignedData | None
    stamp: Stamp | None

    @property
    def is_stamp(self) -> bool:
        """Return whether it is a stamp over the whole, and nobody's signature."""
        return self.signed is None

    @property
    def stamped_at_ms(self) -> int | None:
        """The time that its stamp states, UTC; None: it has none."""
        return self.stamp.at_ms if self.stamp is not None else None

    @property
    def signed_by(self) -> frozenset[str]:
        """Names of the hashes that the signature rests on."""
        return frozenset() if self.signed is None else frozenset({self.signed.by.name})

    @property
    def stamped_by(self) -> frozenset[str]:
        """Names of the hashes that its stamp rests on."""
        return frozenset() if self.stamp is None else self.stamp.rests_on

    def signer(self) -> x509.Certificate:
        """The certificate whose key signed it.

        Raises:
            SignatureFault: The signature does not hold.
        """
        if self.signed is None:
            raise SignatureFault(Reason.BROKEN, "nobody signed it")
        return signer_of(self.signed, self.digest)

    def stamper(self) -> x509.Certificate:
        """The certificate of who stamped it.

        Raises:
            SignatureFault: The stamp does not hold.
        """
        if self.stamp is None:
            raise SignatureFault(Reason.BROKEN, "nobody stamped it")
        signed = self.signed
        imprint = self.digest if signed is None else self.stamp.by.digest(signed.signature)
        return stamper_of(self.stamp, imprint)

    @property
    def certificates(self) -> list[bytes]:
        """DER of those that travel with it."""
        return [one for part in self._parts for one in part.certificates]

    @property
    def lists(self) -> list[bytes]:
        """DER of the lists that travel with it."""
        return [one for part in self._parts for one in part.lists]

    @property
    def _parts(self) -> list[SignedData]:
        parts = [self.signed, self.stamp.signed if self.stamp is not None else None]
        return [part for part in parts if part is not None]


def open_signature(pdf: bytes, field: SignatureField, ends: tuple[int, int]) -> Opened:
    """Read a signature.

    Args:
        pdf: The file.
        field: Of the revision that adds it.
        ends: Where that revision may end.

    Raises:
        SignatureFault: It does not cover the file up to there but for itself, or is no signature.
    """
    covered = _covered(pdf, field, ends)
    encoded = _encoded(field.contents)
    opened = open_encoded(
        field.field, lambda by: by.digest(*covered), encoded, is_stamp=field.is_stamp
    )
    if opened.lists:
        raise SignatureFault(Reason.BROKEN, "lists belong into the store of proofs")
    return opened


def open_encoded(
    name: str, digest: Callable[[Hash], bytes], encoded: bytes, *, is_stamp: bool
) -> Opened:
    """Read a signature, or a stamp over the whole, over what has a digest.

    Args:
        name: Where it is.
        digest: Of what it covers, by a hash.
        encoded: CMS, or a time stamp; DER.
        is_stamp: Which of them.

    Raises:
        SignatureFault: It is none.
    """
    try:
        if is_stamp:
            whole = read_token(encoded)
            return Opened(name, digest(whole.by), None, whole)
        signed = read_signed_data(encoded)
        stamp = read_token(signed.token) if signed.token is not None else None
    except CmsError as e:
        raise SignatureFault(Reason.BROKEN, str(e)) from e
    if signed.content_type != DATA or signed.content is not None:
        raise SignatureFault(Reason.BROKEN, "a signature over something else")
    return Opened(name, digest(SHA256), signed, stamp)


def signer_of(signed: SignedData, digest: bytes) -> x509.Certificate:
    """The certificate whose key signed the data with this digest, and nothing else.

    Raises:
        SignatureFault: The certificate is not there, or its key did not sign that.
    """
    certificate = _certificate_of(signed)
    signer = Signer(certificate, by=signed.by)
    attributes = signer.signed_attributes(digest)
    if attributes != signed.attributes:
        raise SignatureFault(Reason.BROKEN, "what was signed is not what is here")
    if signed.algorithm != signer.algorithm:
        raise SignatureFault(Reason.BROKEN, "an algorithm that is not taken")
    if not has_signed(certificate, signed.signature, attributes, signed.by):
        raise SignatureFault(Reason.BROKEN, "the key of the certificate did not sign it")
    return certificate


def stamper_of(stamp: Stamp, imprint: bytes) -> x509.Certificate:
    """The certificate of who stamped this imprint, with whatever attributes they put beside it.

    Raises:
        SignatureFault: The stamp is over something else, or is broken.
    """
    if stamp.imprint != imprint:
        raise SignatureFault(Reason.BROKEN, "the time stamp is over something else")
    certificate = _certificate_of(stamp.signed)
    try:
        _check_token(stamp.signed, certificate)
    except ValueError as e:
        raise SignatureFault(Reason.BROKEN, "it is not encoded as it must be") from e
    return certificate


def _check_token(signed: SignedData, certificate: x509.Certificate) -> None:
    """Make sure that a certificate's key signed a time stamp, and that the stamp says whose it is.

    Raises:
        SignatureFault: It is not so.
        ValueError: It is not encoded as it must be.
    """
    values = values_in(der.read_whole(signed.attributes, der.SET))
    if not says(values, signed.content_type, signed.by.digest(signed.content or b"")):
        raise SignatureFault(Reason.BROKEN, "what was signed is not what is here")
    if not names(values, certificate):
        raise SignatureFault(Reason.BROKEN, "it does not name the certificate of who stamped it")
    scheme = algorithms.scheme_of(der.read_whole(signed.algorithm, der.SEQUENCE), signed.by)
    if scheme is None or scheme.by is not signed.by:
        raise SignatureFault(Reason.BROKEN, "an algorithm that is not taken")
    key = certificate.public_key()
    if not algorithms.has_signed(key, signed.signature, signed.attributes, scheme):
        raise SignatureFault(Reason.BROKEN, "the key of the certificate did not sign it")


def _covered(
    pdf: bytes, field: SignatureField, ends: tuple[int, int]
) -> tuple[memoryview, memoryview]:
    """Return the bytes that a signature covers, which must be all but itself."""
    start, hole, resume, rest = field.byte_range
    first, last = field.place
    is_whole = start == 0 and resume + rest in ends and first < hole < resume <= last
    if not is_whole or pdf[hole:resume] != field.contents:
        raise SignatureFault(Reason.RANGE, "it does not cover the file up to its revision's end")
    if pdf.count(field.contents, first, last) != 1:
        raise SignatureFault(Reason.RANGE, "its hole is there twice")
    whole = memoryview(pdf)
    return whole[:hole], whole[resume : resume + rest]


def _encoded(contents: bytes) -> bytes:
    """The signature in its hole, which zeros fill up."""
    digits = _DIGITS.fullmatch(contents)
    if digits is None or len(digits[1]) % 2 or len(digits[1]) > 2 * CMS_BYTES_MAX:
        raise SignatureFault(Reason.BROKEN, "what is in its place are no pairs of digits")
    data = bytes.fromhex(digits[1].decode())
    try:
        _, end = der.read(data)
    except der.DerError as e:
        raise SignatureFault(Reason.BROKEN, f"it is not encoded as it must be: {e}") from e
    if data[end:].strip(b"\0"):
        raise SignatureFault(Reason.BROKEN, "something follows the signature in its hole")
    return data[:end]


def _certificate_of(signed: SignedData) -> x509.Certificate:
    """The signer's certificate, which has to be beside the signature, undamaged."""
    for encoded in signed.certificates:
        one = read_certificate(encoded)
        if one is not None and issuer_and_serial_of(one) == signed.issuer_and_serial:
            return one
    raise SignatureFault(Reason.BROKEN, "the certificate of its signer is not there")
