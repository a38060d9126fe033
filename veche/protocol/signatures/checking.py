"""One signature of a file by itself: what it covers, and whether its key signed that."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import attrs

from veche.protocol.signatures import der
from veche.protocol.signatures.cms import (
    CMS_BYTES_MAX,
    DATA,
    CmsError,
    Signer,
    issuer_and_serial_of,
    read_signed_data,
)
from veche.protocol.signatures.report import Reason
from veche.protocol.signatures.stamps import TST_INFO, read_token
from veche.protocol.signatures.trust import has_signed, read_certificate

if TYPE_CHECKING:
    from cryptography import x509

    from veche.protocol.pdf.grammar import SignatureField
    from veche.protocol.signatures.cms import SignedData
    from veche.protocol.signatures.stamps import Stamp

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
        digest: SHA-256 of what it covers.
        signed: By its signer; None of a stamp over the whole.
        stamp: The token over the signature, or the stamp over the whole; None if there is none.
    """

    name: str
    digest: bytes
    signed: SignedData | None
    stamp: Stamp | None

    @property
    def is_stamp(self) -> bool:
        """Whether it is a stamp over the whole, and nobody's signature."""
        return self.signed is None

    @property
    def stamped_at_ms(self) -> int | None:
        """The time that its stamp states, UTC; None: it has none."""
        return self.stamp.at_ms if self.stamp is not None else None

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
        signature = hashlib.sha256(self.signed.signature).digest() if self.signed else self.digest
        return stamper_of(self.stamp, signature)

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
    digest = _covered(pdf, field, ends)
    opened = open_encoded(field.field, digest, _encoded(field.contents), is_stamp=field.is_stamp)
    if opened.lists:
        raise SignatureFault(Reason.BROKEN, "lists belong into the store of proofs")
    return opened


def open_encoded(name: str, digest: bytes, encoded: bytes, *, is_stamp: bool) -> Opened:
    """Read a signature, or a stamp over the whole, over what has a digest.

    Args:
        name: Where it is.
        digest: SHA-256 of what it covers.
        encoded: CMS, or a time stamp; DER.
        is_stamp: Which of them.

    Raises:
        SignatureFault: It is none.
    """
    try:
        if is_stamp:
            return Opened(name, digest, None, read_token(encoded))
        signed = read_signed_data(encoded)
        stamp = read_token(signed.token) if signed.token is not None else None
    except CmsError as e:
        raise SignatureFault(Reason.BROKEN, str(e)) from e
    if signed.content_type != DATA or signed.content is not None:
        raise SignatureFault(Reason.BROKEN, "a signature over something else")
    return Opened(name, digest, signed, stamp)


def signer_of(signed: SignedData, digest: bytes) -> x509.Certificate:
    """The certificate whose key signed the data with this digest, and nothing else.

    Raises:
        SignatureFault: The certificate is not there, or its key did not sign that.
    """
    certificate = _certificate_of(signed)
    content_type = TST_INFO if signed.content is not None else DATA
    signer = Signer(certificate)
    attributes = signer.signed_attributes(digest, content_type)
    if attributes != signed.attributes:
        raise SignatureFault(Reason.BROKEN, "what was signed is not what is here")
    if signed.algorithm != signer.algorithm:
        raise SignatureFault(Reason.BROKEN, "an algorithm that is not taken")
    if not has_signed(certificate, signed.signature, attributes):
        raise SignatureFault(Reason.BROKEN, "the key of the certificate did not sign it")
    return certificate


def stamper_of(stamp: Stamp, imprint: bytes) -> x509.Certificate:
    """The certificate of who stamped this imprint.

    Raises:
        SignatureFault: The stamp is over something else, or is broken.
    """
    if stamp.imprint != imprint:
        raise SignatureFault(Reason.BROKEN, "the time stamp is over something else")
    content = stamp.signed.content or b""
    return signer_of(stamp.signed, hashlib.sha256(content).digest())


def _covered(pdf: bytes, field: SignatureField, ends: tuple[int, int]) -> bytes:
    """SHA-256 of what a signature covers, which has to be all but itself."""
    start, hole, resume, rest = field.byte_range
    first, last = field.place
    is_whole = start == 0 and resume + rest in ends and first < hole < resume <= last
    if not is_whole or pdf[hole:resume] != field.contents:
        raise SignatureFault(Reason.RANGE, "it does not cover the file up to its revision's end")
    if pdf.count(field.contents, first, last) != 1:
        raise SignatureFault(Reason.RANGE, "its hole is there twice")
    digest = hashlib.sha256(memoryview(pdf)[:hole])
    digest.update(memoryview(pdf)[resume : resume + rest])
    return digest.digest()


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
