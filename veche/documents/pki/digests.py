"""The hashes by which time stamps are made and read.

People sign by SHA-256 alone. A stamp over a closed file may be made by a longer hash, so that the
file stays proven when SHA-256 is no longer believed: what a stamp covers was there before its time,
whatever becomes of the hashes inside (RFC 4998 §5.3).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs
from cryptography.hazmat.primitives import hashes

from veche.documents.pki import der

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.utils import Buffer

_ForKeys = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_NULL: Final = der.tlv(der.NULL)


@attrs.frozen
class Hash:
    """A hash that is taken.

    Attributes:
        name: As ``hashlib``, the configuration and the end of algorithms have it.
        oid: DER.
        ecdsa_oid: Of signing with it by keys of curves, DER.
        rsa_oid: Of signing with it by PKCS #1 v1.5, DER.
        uri: What manifests call it (RFC 6931).
        for_keys: What the library of keys calls it.
    """

    name: str
    oid: bytes
    ecdsa_oid: bytes
    rsa_oid: bytes
    uri: str
    for_keys: _ForKeys = attrs.field(eq=False)

    @property
    def identifier(self) -> bytes:
        """DER of the algorithm, without parameters."""
        return der.sequence(self.oid)

    @property
    def ecdsa(self) -> bytes:
        """DER of the algorithm by which keys of curves sign with it."""
        return der.sequence(self.ecdsa_oid)

    @property
    def rsa(self) -> bytes:
        """DER of the algorithm PKCS #1 v1.5 with it."""
        return der.sequence(self.rsa_oid, _NULL)

    @property
    def size(self) -> int:
        """Size of a digest, in bytes."""
        return self.for_keys.digest_size

    def digest(self, *parts: Buffer) -> bytes:
        """The digest of some bytes, one after the other."""
        made = hashlib.new(self.name)
        for one in parts:
            made.update(one)
        return made.digest()


def _hash(name: str, number: int, uri: str, for_keys: _ForKeys) -> Hash:
    return Hash(
        name,
        der.oid(f"2.16.840.1.101.3.4.2.{number}"),
        der.oid(f"1.2.840.10045.4.3.{number + 1}"),
        der.oid(f"1.2.840.113549.1.1.{number + 10}"),
        f"http://www.w3.org/2001/04/{uri}",
        for_keys,
    )


SHA256: Final = _hash("sha256", 1, "xmlenc#sha256", hashes.SHA256())
SHA384: Final = _hash("sha384", 2, "xmldsig-more#sha384", hashes.SHA384())
SHA512: Final = _hash("sha512", 3, "xmlenc#sha512", hashes.SHA512())
HASHES: Final = (SHA256, SHA384, SHA512)
_BY_NAME: Final = {one.name: one for one in HASHES}
_BY_IDENTIFIER: Final = {
    form: one for one in HASHES for form in (one.identifier, der.sequence(one.oid, _NULL))
}


def hash_named(name: str) -> Hash:
    """The hash with a name.

    Raises:
        ValueError: None that is taken has it.
    """
    found = _BY_NAME.get(name)
    if found is None:
        raise ValueError(f"{name!a} is none of {', '.join(_BY_NAME)}")
    return found


def hash_of(identifier: bytes, taken: Iterable[Hash] = HASHES) -> Hash | None:
    """The hash that an algorithm identifier names, with its parameters absent or NULL.

    Args:
        identifier: DER.
        taken: Those that count.
    """
    found = _BY_IDENTIFIER.get(identifier)
    return found if found is not None and found in taken else None
