"""Keys and algorithms of signatures: ECDSA and RSA, with SHA-256 and larger.

What an algorithm identifier says is read, and either it is one that is taken or it is none: a
signature by anything else holds for nobody. The page's: ``static/signatures/algorithms.js``.

Source: RFC 8017 §8 and RFC 4055 §3.1 (RSA), RFC 5758 §3.2 (ECDSA).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from veche.documents.pki import der
from veche.documents.pki.digests import HASHES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from veche.documents.pki.digests import Hash

RSA_BITS_MIN: Final = 2048
CURVES: Final = (ec.SECP256R1, ec.SECP384R1)
_BY_OID: Final = {one.oid: one for one in HASHES}
_RSA: Final = der.oid("1.2.840.113549.1.1.1")
_RSA_WITH: Final = {one.rsa_oid: one for one in HASHES}
_ECDSA_WITH: Final = {one.ecdsa_oid: one for one in HASHES}
_PSS: Final = der.oid("1.2.840.113549.1.1.10")
_MGF1: Final = der.oid("1.2.840.113549.1.1.8")
_0, _1, _2, _3 = 0xA0, 0xA1, 0xA2, 0xA3


class Kind(enum.Enum):
    """How a key signs."""

    ECDSA = "ecdsa"
    RSA = "rsa"
    PSS = "pss"


@attrs.frozen
class Scheme:
    """An algorithm of signatures.

    Attributes:
        kind: How the key signs.
        by: The hash.
        salt: Length of it, of PSS.
    """

    kind: Kind
    by: Hash
    salt: int = 0


def is_taken(key: object) -> bool:
    """Return whether a public key is of an accepted kind and strength."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= RSA_BITS_MIN
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)


def scheme_for(key: object, by: Hash) -> Scheme:
    """How a key signs where nothing else is said: ECDSA, or PKCS #1 v1.5."""
    return Scheme(Kind.RSA if isinstance(key, rsa.RSAPublicKey) else Kind.ECDSA, by)


def hash_in(body: bytes) -> Hash | None:
    """The hash of an AlgorithmIdentifier's contents; None: it is not taken.

    Raises:
        ValueError: They are none.
    """
    return _BY_OID.get(_first(der.children(body)).encoded)


def scheme_of(body: bytes, by: Hash | None = None) -> Scheme | None:
    """The algorithm of an AlgorithmIdentifier's contents; None: it is not taken.

    Args:
        body: The contents.
        by: The hash of what is signed, where the algorithm does not say it.

    Raises:
        ValueError: They are none.
    """
    parts = der.children(body)
    kind, parameters = _first(parts), parts[1:]
    if kind.encoded == _PSS:
        return _pss(parameters)
    rsa_by = by if kind.encoded == _RSA else _RSA_WITH.get(kind.encoded)
    if rsa_by is not None:
        return Scheme(Kind.RSA, rsa_by)
    ecdsa_by = _ECDSA_WITH.get(kind.encoded)
    return Scheme(Kind.ECDSA, ecdsa_by) if ecdsa_by is not None else None


def has_signed(key: object, signature: bytes, data: bytes, scheme: Scheme | None) -> bool:
    """Return whether a public key signed the data, by an algorithm.

    ECDSA on P-256 or P-384, or RSA of 2048 bits or more.
    """
    if scheme is None or not is_taken(key):
        return False
    hashed = scheme.by.for_keys
    try:
        if isinstance(key, rsa.RSAPublicKey) and scheme.kind is Kind.PSS:
            key.verify(signature, data, padding.PSS(padding.MGF1(hashed), scheme.salt), hashed)
        elif isinstance(key, rsa.RSAPublicKey) and scheme.kind is Kind.RSA:
            key.verify(signature, data, padding.PKCS1v15(), hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme.kind is Kind.ECDSA:
            key.verify(signature, data, ec.ECDSA(hashed))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _pss(parameters: Sequence[der.Element]) -> Scheme | None:
    """RSASSA-PSS with its parameters, which have to be said (the defaults are SHA-1)."""
    said = {one.tag: one.body for one in der.children(parameters[0].body)} if parameters else {}
    if said.keys() - {_0, _1, _2, _3} or not {_0, _1, _2} <= said.keys():
        return None
    by = hash_in(der.read_whole(said[_0], der.SEQUENCE))
    mask = der.children(der.read_whole(said[_1], der.SEQUENCE))
    salt = der.read_integer(der.read_whole(said[_2], der.INTEGER))
    is_known = len(mask) == 2 and mask[0].encoded == _MGF1  # noqa: PLR2004 -- what, and of which hash
    if by is None or not is_known or hash_in(mask[1].body) is not by:
        return None
    return Scheme(Kind.PSS, by, salt)


def _first(elements: Sequence[der.Element]) -> der.Element:
    if not elements:
        raise der.DerError("an algorithm that is not said")
    return elements[0]
