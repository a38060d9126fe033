"""Policies and extensions of ours that describe a certificate's holder.

Our object identifiers are below 2.25.<UUID>, which nobody has to register (ITU-T X.667).
"""

from __future__ import annotations

import enum
from typing import Final

import attrs
from cryptography import x509

from veche.documents.pki import der
from veche.documents.pki.digests import SHA256

ARC: Final = "2.25.147685682438330685864766896022376717073"
"""Of all our object identifiers."""
DOCUMENT_DIGEST: Final = x509.ObjectIdentifier(f"{ARC}.3.1")
"""Extension with the SHA-256 of the one document for which a certificate was issued."""
REGISTRAR: Final = x509.ObjectIdentifier(f"{ARC}.3.2")
"""Extension with the name and account of who has seen the identity document of the holder."""
REGISTRAR_BYTES_MAX: Final = 1_024
HAND: Final = x509.ObjectIdentifier(f"{ARC}.3.3")
"""Extension of a witness's: the SHA-256 of the record of what somebody without a key wrote by hand
before the holder, then the name of who wrote."""
HAND_BYTES_MAX: Final = 1_024


class Level(enum.Enum):
    """How it was made sure who a certificate's holder is; the value ends its policy's OID."""

    ACCOUNT = "2.1"
    SUBSTANTIAL = "2.2"
    HIGH = "2.3"
    IN_PERSON = "2.4"
    """By somebody whom the certificate names: they have seen an identity document of the holder."""
    SEAL = "2.9"

    @property
    def policy(self) -> x509.ObjectIdentifier:
        """The certificate policy that says so."""
        return x509.ObjectIdentifier(f"{ARC}.{self.value}")


@attrs.frozen
class Hand:
    """Somebody without a key, who has written by hand before the holder of a certificate.

    Attributes:
        name: Theirs.
        record_sha256: Of the record of what they agreed to, see ``handwriting.HandRecord``.
    """

    name: str
    record_sha256: bytes


def document_digest_of(certificate: x509.Certificate) -> bytes | None:
    """SHA-256 of the document for which it was issued; None if it is for no certain one.

    Raises:
        ValueError: The extension is not 32 octets.
    """
    digest = _stated(certificate, DOCUMENT_DIGEST)
    if digest is not None and len(digest) != SHA256.size:
        raise ValueError("the document's digest is not 32 octets")
    return digest


def registrar_of(certificate: x509.Certificate) -> str:
    """Name and account of who has identified its holder; empty: nobody, or it cannot be read."""
    try:
        return (_stated(certificate, REGISTRAR) or b"").decode()
    except (UnicodeDecodeError, der.DerError):
        return ""


def hand_of(certificate: x509.Certificate) -> Hand | None:
    """Return the handwriting that the holder witnessed; None: none, or it is unreadable."""
    try:
        told = _stated(certificate, HAND) or b""
        digest, name = told[: SHA256.size], told[SHA256.size :].decode()
    except (UnicodeDecodeError, der.DerError):
        return None
    return Hand(name, digest) if len(digest) == SHA256.size and name else None


def _stated(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> bytes | None:
    """The octets in an extension of ours; None: it has none.

    Raises:
        DerError: The extension holds something else.
    """
    for extension in certificate.extensions:
        if extension.oid == oid and isinstance(extension.value, x509.UnrecognizedExtension):
            return der.read_whole(extension.value.value, der.OCTET_STRING)
    return None


def level_of(certificate: x509.Certificate) -> Level | None:
    """How it was made sure who its holder is; None if it does not say it in our words."""
    try:
        policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return None
    found = {one.policy_identifier for one in policies}
    return next((level for level in Level if level.policy in found), None)
