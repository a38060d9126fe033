"""Where a signer's key is: one port, whatever holds the key; the work on the file is the same.

A key signs the SHA-256 of the signed attributes and never sees what the file says: a file on this
machine, a token (PKCS#11), a provider of remote signatures (CSC).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.x509.oid import NameOID

from veche.documents.pki import der
from veche.documents.pki.algorithms import RSA_BITS_MIN
from veche.protocol.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

CHAIN_MAX: Final = 10
DIGEST: Final = Prehashed(hashes.SHA256())
"""A digest is signed, not the data."""


class KeyHome(enum.Enum):
    """The place of a key; the value is the highest level (signing.md §2) of its signatures.

    Whether a signature is qualified in the sense of a law depends on who issued the certificate,
    which this does not say.
    """

    FILE = "S2"
    TOKEN = "S3"  # noqa: S105 -- a level
    PROVIDER = "S4"


class KeyUnfitError(RefusedError):
    """The key signs in a way that we don't take, or it is not the key of the certificate."""

    errcode = "ORG.VECHE.KEY_UNFIT"


@attrs.frozen
class Credential:
    """A certificate whose key somebody holds.

    Attributes:
        certificate: Of the key.
        chain: Of the authorities above it, the nearest first.
        home: What holds the key.
    """

    certificate: Certificate
    chain: Sequence[Certificate]
    home: KeyHome

    @property
    def name(self) -> str:
        """Name in the certificate."""
        return name_of(self.certificate)


def name_of(certificate: Certificate) -> str:
    """Return the name in a certificate."""
    subject = certificate.subject
    found = subject.get_attributes_for_oid(NameOID.COMMON_NAME) or list(subject)
    return str(found[0].value) if found else "?"


class SignatureProvider(Protocol):
    """Something with a key."""

    @property
    def credential(self) -> Credential:
        """Credential of the key's holder."""

    async def sign(self, digest: bytes) -> bytes:
        """Sign a SHA-256: ECDSA in DER, or RSA with PKCS #1 v1.5.

        Raises:
            RefusedError: Whoever holds the key refuses; asking again does not help.
            UnavailableError: It does not answer now.
        """


def check_key(certificate: Certificate) -> None:
    """Make sure that signatures by a certificate's key are of a kind that we make.

    Raises:
        KeyUnfitError: They are not.
    """
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(
        key.curve, ec.SECP256R1 | ec.SECP384R1
    ):
        return
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        return
    raise KeyUnfitError(
        f"the certificate's key is neither P-256, P-384 nor RSA of {RSA_BITS_MIN} bits or more"
    )


def checked(certificate: Certificate, digest: bytes, signature: bytes) -> bytes:
    """The signature as files hold it, once it is sure that the certificate's key made it.

    Tokens give ECDSA as two numbers of the same length, and so do some providers; files hold DER.

    Args:
        certificate: Whose key has signed.
        digest: SHA-256.
        signature: As it came.

    Raises:
        KeyUnfitError: Another key signed, or something else was signed.
    """
    check_key(certificate)
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            signature = _numbers_as_der(key, signature)
            key.verify(signature, digest, ec.ECDSA(DIGEST))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), DIGEST)
    except InvalidSignature as e:
        raise KeyUnfitError("what was signed was not signed by the certificate's key") from e
    return signature


def _numbers_as_der(key: ec.EllipticCurvePublicKey, signature: bytes) -> bytes:
    size = (key.curve.key_size + 7) // 8
    if len(signature) != 2 * size or _is_sequence(signature):
        return signature
    first, second = signature[:size], signature[size:]
    return encode_dss_signature(int.from_bytes(first), int.from_bytes(second))


def _is_sequence(data: bytes) -> bool:
    try:
        der.members(der.read_whole(data, der.SEQUENCE), der.INTEGER, der.INTEGER)
    except der.DerError:
        return False
    return True
